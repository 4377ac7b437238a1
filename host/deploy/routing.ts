import { HostError } from '#runtime/errors.ts';
import type { Match, Registry, RegistryChange, Target } from '#host/registry.ts';
import { isDeployed, liveVersions, routesOf } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import { didYouMean } from './nearest.ts';
import { RouteTable } from './routes.ts';
import { targetKey, toTarget } from './targets.ts';
import type { TargetContext } from './targets.ts';

export interface RoutingOptions extends TargetContext {
  /** From 0 up to 1, for the draw by weight. */
  readonly random: () => number;
  /** Told of versions that cannot run here, e.g. whose binding is gone. */
  readonly warn: (message: string) => void;
}

/** One version with every match it may be the answer to, made once: a request allocates nothing. */
interface Place {
  readonly target: Target;
  /** By host or route: nothing to strip. */
  readonly whole: Match;
  /** Under `/name`. */
  readonly named: Match;
  /** Under `/name@version`. */
  readonly pinned: Match;
}

interface Row {
  readonly state: FunctionState;
  /** By version in digits. */
  readonly places: ReadonlyMap<string, Place>;
  readonly refused: ReadonlyMap<string, HostError>;
  /** The heaviest first. */
  readonly live: readonly { readonly place: Place; readonly weight: number }[];
}

const localhost = '.localhost';

/** The registry: states of functions in, answers for requests out. Holds no promise and does no I/O. */
export class Routing implements Registry {
  readonly #options: RoutingOptions;
  readonly #rows = new Map<string, Row>();
  readonly #routes = new RouteTable<string>();
  readonly #listeners = new Set<(change: RegistryChange) => void>();

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** Takes the function's state as it is now; a deleted one leaves. Tells the listeners when traffic moved. */
  put(state: FunctionState): void {
    const old = this.#rows.get(state.name);
    if (old !== undefined && old.state.revision > state.revision) return;
    const row = isDeployed(state) ? this.#toRow(state, old) : undefined;
    const routes = row === undefined ? new Set<string>() : routesOf(state);
    // The new ones first: no request falls between two tables, all of this being one turn.
    for (const route of routes) this.#routes.set(route, state.name);
    for (const route of old === undefined ? [] : routesOf(old.state)) {
      if (!routes.has(route)) this.#routes.delete(route, state.name);
    }
    if (row === undefined) this.#rows.delete(state.name);
    else this.#rows.set(state.name, row);
    if (trafficOf(old) === trafficOf(row)) return;
    const change: RegistryChange = { name: state.name, live: toLive(row) };
    for (const listener of this.#listeners) listener(change);
  }

  /** The function's state, or HostError ERR_NO_FUNCTION with the nearest name. */
  require(name: string): FunctionState {
    return this.#require(name).state;
  }

  states(): readonly FunctionState[] {
    return [...this.#rows.values()].map(({ state }) => state);
  }

  match(hostname: string, path: string): Match | undefined {
    const owner = this.#routes.match(hostname, path);
    if (owner !== undefined) return this.#draw(this.#rows.get(owner))?.whole;
    if (hostname.endsWith(localhost)) return this.#byLabel(hostname.slice(0, -localhost.length));
    const slash = path.indexOf('/', 1);
    return this.#bySegment(slash === -1 ? path.slice(1) : path.slice(1, slash));
  }

  target(name: string, version?: number): Target {
    const row = this.#require(name);
    if (version === undefined) {
      const place = this.#draw(row);
      if (place !== undefined) return place.target;
      throw firstOf(row.refused) ?? noTraffic(name);
    }
    const place = row.places.get(String(version));
    if (place !== undefined) return place.target;
    const known = [...row.state.versions.keys()].join(', ');
    throw (
      row.refused.get(String(version)) ??
      new HostError('ERR_NO_VERSION', `"${name}" has no version ${version}; it has ${known || 'none'}`)
    );
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  live(): readonly RegistryChange[] {
    return [...this.#rows.values()].map((row) => ({ name: row.state.name, live: toLive(row) }));
  }

  /** `name` or `version--name`; no name begins with digits and "--". */
  #byLabel(label: string): Match | undefined {
    const row = this.#rows.get(label);
    if (row !== undefined) return this.#draw(row)?.whole;
    const dashes = label.indexOf('--');
    if (dashes === -1) return undefined;
    return this.#rows.get(label.slice(dashes + 2))?.places.get(label.slice(0, dashes))?.whole;
  }

  /** `name` or `name@version`. */
  #bySegment(segment: string): Match | undefined {
    const row = this.#rows.get(segment);
    if (row !== undefined) return this.#draw(row)?.named;
    const at = segment.indexOf('@');
    if (at === -1) return undefined;
    return this.#rows.get(segment.slice(0, at))?.places.get(segment.slice(at + 1))?.pinned;
  }

  #draw(row: Row | undefined): Place | undefined {
    if (row === undefined) return undefined;
    const { live } = row;
    if (live.length < 2) return live[0]?.place;
    let rest = this.#options.random() * 100;
    for (const { place, weight } of live) {
      rest -= weight;
      if (rest < 0) return place;
    }
    return live[0]?.place;
  }

  #require(name: string): Row {
    const row = this.#rows.get(name);
    if (row !== undefined) return row;
    throw new HostError(
      'ERR_NO_FUNCTION',
      `There is no function "${name}"${didYouMean(name, [...this.#rows.keys()])}`,
    );
  }

  /** Keeps the places of versions that did not change, so that a target stays the same object. */
  #toRow(state: FunctionState, old: Row | undefined): Row {
    const places = new Map<string, Place>();
    const refused = new Map<string, HostError>();
    for (const [version, record] of state.versions) {
      const number = String(version);
      const kept = old?.places.get(number);
      if (kept?.target.key === targetKey(record, version, state)) {
        places.set(number, kept);
        continue;
      }
      try {
        places.set(number, toPlace(toTarget(state, version, record, this.#options)));
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        refused.set(number, error);
        this.#options.warn(`${error.message} (version ${number})`);
      }
    }
    const live = liveVersions(state.record).flatMap((version) => {
      const place = places.get(String(version));
      return place === undefined ? [] : [{ place, weight: state.record.weights[version] ?? 0 }];
    });
    return { state, places, refused, live };
  }
}

function toPlace(target: Target): Place {
  const { function: name, version } = target.deployment;
  return {
    target,
    whole: { target, prefix: '' },
    named: { target, prefix: `/${name}` },
    pinned: { target, prefix: `/${name}@${version}` },
  };
}

function toLive(row: Row | undefined): readonly Target[] {
  return (row?.live ?? []).map(({ place }) => place.target);
}

/** Equal when every target that has traffic has the same share. */
function trafficOf(row: Row | undefined): string {
  return (row?.live ?? []).map(({ place, weight }) => `${place.target.key}=${weight}`).join(' ');
}

function firstOf(refused: ReadonlyMap<string, HostError>): HostError | undefined {
  return refused.values().next().value;
}

function noTraffic(name: string): HostError {
  return new HostError(
    'ERR_NO_VERSION',
    `"${name}" has no version with traffic; activate one with \`islet rollback ${name} --version N\``,
  );
}
