import { randomBytes } from 'node:crypto';
import type { NotLoadedReport } from '#runtime/frames.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Call, Dispatch, Handle, Sink } from '../call.ts';
import type { CellClient } from '../cells/cell-client.ts';
import type { Fleet } from '../cells/fleet.ts';
import type { HostLogLine, LogEntry } from '../host.ts';
import type { Meter } from '../meter.ts';
import { redactOf, redactOutcome } from '../redact.ts';
import type { RegistryChange, Target } from '../registry.ts';
import type { Attachments } from './attachments.ts';
import { HostInstance } from './host-instance.ts';
import { Invocation } from './invocation.ts';
import type { InvocationOwner } from './invocation-owner.ts';
import { Pool } from './pool.ts';
import { refuseDeploy } from './refuse-deploy.ts';
import type { Starter } from './starter.ts';

export interface DispatchOptions {
  readonly fleet: Fleet;
  readonly starter: Starter;
  readonly meter: Meter;
  readonly attachments: Attachments;
  readonly logs: { add(entry: LogEntry): void };
  readonly log: (level: HostLogLine['level'], message: string) => void;
  /** Cells of the default cordon are kept up whatever happens. */
  readonly baseCordon: string;
}

const sweepMs = 20;
/** Ids that share their first digits, and the digits they end with. */
const lowIds = 4096;
const lowDigits: readonly string[] = Array.from({ length: lowIds }, (_, low) =>
  low.toString(16).padStart(3, '0'),
);
const levels: ReadonlySet<string> = new Set(['debug', 'log', 'info', 'warn', 'error', 'system']);

/** Finds an instance for each call, starts one where there is none, and watches wall clocks. */
export class Dispatcher implements Dispatch, InvocationOwner {
  readonly #options: DispatchOptions;
  readonly #pools: Map<string, Pool> = new Map();
  /** In no order; each knows its place. */
  readonly #underWay: Invocation[] = [];
  readonly #idPrefix: string = randomBytes(10).toString('hex');
  #idCount = 0;
  #idStart = '';
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: DispatchOptions) {
    this.#options = options;
    options.fleet.onDeath = (cordon) => this.#refill(cordon);
  }

  start(target: Target, call: Call, sink: Sink): Handle {
    const pool = this.#pool(target);
    const given = call.kind === 'request' ? call.id : undefined;
    const invocation = new Invocation(this, pool, call, { id: given ?? this.nextId(), sink });
    invocation.place = this.#underWay.push(invocation) - 1;
    this.#sweep ??= setInterval(() => this.#sweepDeadlines(), sweepMs);
    if (this.#closing) {
      invocation.finish({ kind: 'refused', reason: 'closing' });
      return invocation;
    }
    if (invocation.bytesIn > target.deployment.limits.requestBodyBytes) {
      invocation.exceed('requestBodyBytes');
      return invocation;
    }
    this.place(invocation);
    return invocation;
  }

  /** UUID form (RFC 9562, version 8): random at boot, then counted. */
  nextId(): string {
    const low = this.#idCount++ % lowIds;
    if (low === 0) this.#idStart = this.#nextIdStart();
    return this.#idStart + (lowDigits[low] ?? '');
  }

  /** What the next 4096 ids begin with. */
  #nextIdStart(): string {
    const high = Math.trunc(this.#idCount / lowIds)
      .toString(16)
      .padStart(9, '0')
      .slice(-9);
    const p = this.#idPrefix;
    return `${p.slice(0, 8)}-${p.slice(8, 12)}-8${p.slice(12, 15)}-8${p.slice(15, 18)}-${high}`;
  }

  place(invocation: Invocation): void {
    const { pool } = invocation;
    const { call } = invocation;
    const upgrade = call.kind === 'request' && call.upgrade === true;
    const instance = upgrade ? this.#chooseForSocket(pool) : this.#choose(pool);
    if (instance === undefined) return invocation.exceed('concurrency');
    invocation.join(instance);
    if (instance.state === 'ready') return invocation.begin(instance);
    invocation.cold = true;
    instance.waiting.add(invocation);
    if (instance.state === 'loading') invocation.begin(instance);
  }

  log(invocation: Invocation, level: string, message: string): void {
    const { deployment } = invocation.pool.target;
    this.#options.logs.add({
      at: Date.now(),
      function: deployment.function,
      version: deployment.version,
      invocationId: invocation.id,
      level: (levels.has(level) ? level : 'log') as LogEntry['level'],
      message: this.#toLine(invocation.pool.target, message),
    });
  }

  messages(invocation: Invocation, direction: 'in' | 'out', count: number): void {
    this.#options.meter.messages(invocation.pool.target, direction, count);
  }

  over(invocation: Invocation, outcome: Outcome, cpuMs: number): void {
    this.#takeOut(invocation);
    this.#options.meter.record(invocation, outcome, cpuMs);
    if (this.#underWay.length === 0) this.#idle?.();
  }

  failed(error: unknown, what: string, target?: Target): void {
    const text = `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    this.#options.log('error', target === undefined ? text : redactOf(target)(text));
  }

  /** What a function wrote, with its author's files and lines, and without its secrets. */
  #toLine(target: Target, message: string): string {
    return redactOf(target)(this.#options.starter.trace(target, message));
  }

  /** Traffic of a function moved: instances of what no longer has any go once their calls are done. */
  moved(change: RegistryChange): void {
    const keys = new Set(change.live.map((target) => target.key));
    for (const [key, pool] of this.#pools) {
      if (pool.target.deployment.function !== change.name || keys.has(key)) continue;
      this.#pools.delete(key);
      pool.live = false;
      pool.retired = true;
      for (const instance of pool.instances.slice()) this.#retire(pool, instance);
    }
    for (const target of change.live) {
      const pool = this.#pool(target);
      pool.live = true;
      this.#options.starter.expect(pool.target);
      this.#keepWarm(pool);
    }
  }

  /**
   * Starts a real instance and stops it again. Rejects with ERR_DEPLOY_FAILED when its top level does not run, or with the
   * signal's reason.
   */
  async check(target: Target, signal?: AbortSignal): Promise<void> {
    const { cordon } = target.deployment;
    using _held = this.#options.fleet.hold(cordon);
    const check = async (): Promise<Outcome | undefined> => {
      const [idlest] = this.#cells(cordon).toSorted((one, other) => one.inFlight - other.inFlight);
      const cell = idlest ?? (await this.#options.fleet.grow(cordon));
      return this.#options.starter.check(cell, target, signal === undefined ? {} : { signal });
    };
    let outcome = await check();
    // Its cell died, and not for certain by it.
    if (outcome?.kind === 'crashed' && outcome.cause === 'cell') outcome = await check();
    if (outcome !== undefined) refuseDeploy(target.deployment.function, redactOutcome(target, outcome));
  }

  /** Takes no more calls; resolves when none is under way, or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (this.#underWay.length > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const invocation of this.#underWay.slice()) invocation.finish({ kind: 'crashed', cause: 'cell' });
    clearInterval(this.#sweep);
    this.#pools.clear();
  }

  #pool(target: Target): Pool {
    const known = this.#pools.get(target.key);
    if (known !== undefined) return known;
    const pool = new Pool(target, this.#options.attachments.of(target));
    this.#pools.set(target.key, pool);
    return pool;
  }

  #cells(cordon: string): readonly CellClient[] {
    return this.#options.fleet.cells(cordon);
  }

  /** The instance for one more call, started if need be; undefined when all are at their concurrency. */
  #choose(pool: Pool): HostInstance | undefined {
    const best = pool.leastBusy();
    if (best === undefined) return this.#open(pool, false);
    if (!pool.wantsMore(best)) return pool.hasRoom(best) ? best : this.#spread(pool);
    const more = this.#spread(pool);
    return pool.hasRoom(best) ? best : more;
  }

  /** The same for a call that may become a WebSocket: one with room for it, where there is one. */
  #chooseForSocket(pool: Pool): HostInstance | undefined {
    const best = this.#choose(pool);
    if (best === undefined || pool.hasSocket(best)) return best;
    const other = pool.instances.find((instance) => pool.hasSocket(instance) && pool.hasRoom(instance));
    // It may answer without accepting: what is full says so when it does.
    return other ?? this.#spread(pool) ?? best;
  }

  /** One more instance in a cell that has none of this function, or undefined. */
  #spread(pool: Pool): HostInstance | undefined {
    const { cordon } = pool.target.deployment;
    if (this.#cells(cordon).some((cell) => !pool.has(cell))) return this.#open(pool, false);
    if (this.#options.fleet.mayGrow(cordon)) this.#options.fleet.growNow(cordon);
    return undefined;
  }

  #open(pool: Pool, keep: boolean): HostInstance | undefined {
    const cell = this.#leastLoaded(pool);
    if (cell === undefined) return undefined;
    const instance = new HostInstance(cell, { keep, apart: pool.apart });
    pool.instances.push(instance);
    this.#load(pool, instance);
    return instance;
  }

  #leastLoaded(pool: Pool): CellClient | undefined {
    const { cordon } = pool.target.deployment;
    // The process exists at once, and what is sent to it waits in its socket until it is ready.
    return pool.leastLoaded(this.#cells(cordon)) ?? this.#options.fleet.growNow(cordon);
  }

  #load(pool: Pool, instance: HostInstance): void {
    const { starter } = this.#options;
    starter.load(pool.target, instance, {
      loading: () => {
        for (const invocation of instance.waiting) invocation.begin(instance);
      },
      loaded: () => {
        for (const invocation of instance.waiting) invocation.ready();
        instance.waiting.clear();
        if (pool.retired) this.#retire(pool, instance);
      },
      notLoaded: (report) => this.#notLoaded(pool, instance, report),
      gone: () => this.#gone(pool, instance),
      lost: () => this.#lost(pool, instance),
      log: (level, message) => this.#topLevelLog(pool, level, message),
    });
  }

  #topLevelLog(pool: Pool, level: string, message: string): void {
    const { deployment } = pool.target;
    this.#options.logs.add({
      at: Date.now(),
      function: deployment.function,
      version: deployment.version,
      level: (levels.has(level) ? level : 'log') as LogEntry['level'],
      message: this.#toLine(pool.target, message),
    });
  }

  #notLoaded(pool: Pool, instance: HostInstance, report: NotLoadedReport): void {
    pool.remove(instance);
    const outcome = redactOutcome(pool.target, this.#options.starter.explain(pool.target, report));
    if (outcome.kind === 'threw')
      this.#topLevelLog(
        pool,
        'error',
        outcome.error.stack ?? `${outcome.error.name}: ${outcome.error.message}`,
      );
    if (outcome.kind === 'exceeded') this.#topLevelLog(pool, 'system', `exceeded ${outcome.limit} at start`);
    for (const invocation of instance.waiting) invocation.finish(outcome);
    this.#leave(pool);
  }

  #gone(pool: Pool, instance: HostInstance): void {
    pool.remove(instance);
    if (pool.live) this.#keepWarm(pool);
    this.#leave(pool);
  }

  /** A pool without traffic goes with its last instance. */
  #leave(pool: Pool): void {
    const { key } = pool.target;
    if (!pool.live && pool.instances.length === 0 && this.#pools.get(key) === pool) this.#pools.delete(key);
  }

  /** Its cell died. Calls that had begun hear it from the cell; those still waiting for code go elsewhere. */
  #lost(pool: Pool, instance: HostInstance): void {
    const opening = instance.number === 0;
    if (!opening && instance.inFlight > 0) pool.apart = true;
    pool.remove(instance);
    this.#leave(pool);
    if (!opening) return;
    for (const invocation of instance.waiting) invocation.lost();
  }

  #retire(pool: Pool, instance: HostInstance): void {
    pool.remove(instance);
    if (instance.number > 0) instance.cell.retire(instance.number, 'replaced');
  }

  #keepWarm(pool: Pool): void {
    const wanted = pool.target.deployment.minWarm;
    for (let kept = pool.instances.filter((instance) => instance.keep).length; kept < wanted; kept++)
      if (this.#open(pool, true) === undefined) return;
  }

  #refill(cordon: string): void {
    if (this.#closing) return;
    const { fleet, baseCordon } = this.#options;

    for (const pool of this.#pools.values())
      for (const instance of pool.instances.slice())
        if (instance.cell.state === 'draining') pool.remove(instance);
    for (const invocation of this.#underWay.slice()) invocation.leaveDraining();
    if (cordon === baseCordon) while (fleet.mayGrow(cordon) && fleet.growNow(cordon) !== undefined);
    for (const pool of this.#pools.values())
      if (pool.live && pool.target.deployment.cordon === cordon) this.#keepWarm(pool);
  }

  #takeOut(invocation: Invocation): void {
    const last = this.#underWay.pop();
    if (last === undefined || last === invocation) return;
    this.#underWay[invocation.place] = last;
    last.place = invocation.place;
  }

  #sweepDeadlines(): void {
    if (this.#underWay.length === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
      return;
    }
    const now = performance.now();
    for (let i = this.#underWay.length - 1; i >= 0; i--) {
      const invocation = this.#underWay[i];
      if (invocation !== undefined && now >= invocation.deadline) invocation.late();
    }
  }
}
