import type { Change, Check, Store } from '#bindings/store/store.ts';
import type { FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { isDeployed, readFunction, routesOf } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import { encodeRecord, functionKey, routeKey } from './records.ts';
import type { FunctionRecord, VersionRecord } from './records.ts';
import type { Routing } from './routing.ts';
import type { Vault } from './vault.ts';

/** What a verb wants of a function's state. */
export interface Plan {
  /** The record as it shall be; default: as it is. */
  readonly record?: FunctionRecord;
  /** The versions as they shall be, for their routes; default: as they are. */
  readonly versions?: ReadonlyMap<number, VersionRecord>;
  /** Other keys of the function: versions, code, secrets. */
  readonly changes?: readonly Change[];
  /** Of keys that are not the function's own; the plan is made anew when one fails. */
  readonly checks?: readonly Check[];
}

/** Another host would have to win this often in a row. */
const mostTries = 10;

/**
 * The one way a function changes in the store: read, plan, write in one batch that holds only if the function's record
 * is still the one read, else once more. Every batch rewrites the record, also when only a secret moved: whoever
 * planned on the old state loses. Routes are keys of their own, so that two functions cannot take the same one.
 */
export class Ledger {
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #routing: Routing;
  readonly #turns = new Map<FunctionName, Promise<unknown>>();

  constructor(store: Store, vault: Vault, routing: Routing) {
    this.#store = store;
    this.#vault = vault;
    this.#routing = routing;
  }

  read(name: FunctionName): Promise<FunctionState> {
    return readFunction(this.#store, this.#vault, name);
  }

  /**
   * The state after the change; when the plan is undefined, nothing is written. Changes of one function take turns.
   * Rejects with what `plan` throws, HostError ERR_ROUTE_TAKEN, ERR_CONFLICT, or the store's error.
   */
  async change(
    name: FunctionName,
    plan: (state: FunctionState) => Plan | undefined | Promise<Plan | undefined>,
  ): Promise<FunctionState> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#change(name, plan));
    const settled = turn.catch(() => undefined);
    this.#turns.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    }
  }

  async #change(
    name: FunctionName,
    plan: (state: FunctionState) => Plan | undefined | Promise<Plan | undefined>,
  ): Promise<FunctionState> {
    for (let tries = 0; tries < mostTries; tries++) {
      const state = await this.read(name);
      const planned = await plan(state);
      if (planned === undefined) return state;
      const record = planned.record ?? state.record;
      const versions = planned.versions ?? state.versions;
      const routes = await this.#moveRoutes(state, routesOf({ record, versions }));
      const isWritten = planned.record !== undefined || state.revision > 0;
      const own: readonly Change[] = isWritten
        ? [{ kind: 'put', key: functionKey(name), value: encodeRecord(record) }]
        : [];
      const result = await this.#store.write(
        [...own, ...routes.changes, ...(planned.changes ?? [])],
        [{ key: functionKey(name), revision: state.revision }, ...routes.checks, ...(planned.checks ?? [])],
      );
      if (!result.ok) continue;
      const after = await this.read(name);
      this.#routing.put(after);
      return after;
    }
    throw new HostError(
      'ERR_CONFLICT',
      `Cannot change "${name}": another host keeps changing it; look at its versions, then try again`,
    );
  }

  async #moveRoutes(
    state: FunctionState,
    wanted: ReadonlySet<string>,
  ): Promise<{ readonly changes: readonly Change[]; readonly checks: readonly Check[] }> {
    const present = isDeployed(state) ? routesOf(state) : new Set<string>();
    const changes: Change[] = [];
    const checks: Check[] = [];
    for (const route of wanted) {
      if (present.has(route)) continue;
      const key = routeKey(route);
      const entry = await this.#store.get(key);
      const owner = entry === undefined ? state.name : Buffer.from(entry.value).toString();
      if (owner !== state.name) {
        throw new HostError(
          'ERR_ROUTE_TAKEN',
          `Cannot give "${state.name}" the route ${route}: "${owner}" has it; take it from there or use another`,
        );
      }
      checks.push({ key, revision: entry?.revision ?? 0 });
      changes.push({ kind: 'put', key, value: Buffer.from(state.name) });
    }
    for (const route of present) {
      if (!wanted.has(route)) changes.push({ kind: 'delete', key: routeKey(route) });
    }
    return { changes, checks };
  }
}
