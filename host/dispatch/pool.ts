import type { Attachment } from '#runtime/binding.ts';
import type { Target } from '../registry.ts';
import type { CellClient } from '../cells/cell-client.ts';
import type { HostInstance } from './host-instance.ts';
import { HeadReader } from './lines.ts';

/** From this many calls under way in its least busy instance on, a function gets an instance in another cell. */
const spreadAt = 8;

/** Fewer calls under way, or as many and fewer WebSockets. */
function isLess(one: HostInstance, other: HostInstance): boolean {
  return one.inFlight < other.inFlight || (one.inFlight === other.inFlight && one.sockets < other.sockets);
}

/** All instances of one target. */
export class Pool {
  readonly target: Target;
  readonly attachments: ReadonlyMap<string, Pick<Attachment, 'grant'>>;
  readonly instances: HostInstance[] = [];
  readonly heads: HeadReader = new HeadReader();
  /** True while it has traffic of its own; without (a preview, an old version) it goes with its last instance. */
  live = false;
  /** A cell died with an instance of it: it may have been that one, so nothing of it runs on a cell's own thread any more. */
  apart = false;
  /** Set when its traffic moved elsewhere: instances that calls still under way start go with those calls. */
  retired = false;

  constructor(target: Target, attachments: ReadonlyMap<string, Pick<Attachment, 'grant'>>) {
    this.target = target;
    this.attachments = attachments;
  }

  /** The instance with the fewest calls under way. */
  leastBusy(): HostInstance | undefined {
    let best: HostInstance | undefined;
    for (const instance of this.instances) if (best === undefined || isLess(instance, best)) best = instance;
    return best;
  }

  hasRoom(instance: HostInstance): boolean {
    return instance.inFlight < this.target.deployment.limits.concurrency;
  }

  /** True when it may have one more WebSocket. */
  hasSocket(instance: HostInstance): boolean {
    return instance.sockets < this.target.deployment.limits.sockets;
  }

  /** True when the least busy instance is busy enough to want another one beside it. */
  wantsMore(instance: HostInstance): boolean {
    if (instance.inFlight < Math.min(spreadAt, this.target.deployment.limits.concurrency)) return false;
    return this.instances.every((each) => each.state === 'ready');
  }

  has(cell: CellClient): boolean {
    return this.instances.some((instance) => instance.cell === cell);
  }

  /** For one more instance: the cell with the fewest of this target, then with the fewest calls and instances of all. */
  leastLoaded(cells: readonly CellClient[]): CellClient | undefined {
    let best: CellClient | undefined;
    let least = Infinity;
    for (const cell of cells) {
      const load = this.#countIn(cell) * 1e6 + cell.inFlight * 1e3 + cell.instances;
      if (load >= least) continue;
      least = load;
      best = cell;
    }
    return best;
  }

  #countIn(cell: CellClient): number {
    let count = 0;
    for (const instance of this.instances) if (instance.cell === cell) count++;
    return count;
  }

  remove(instance: HostInstance): void {
    const at = this.instances.indexOf(instance);
    if (at >= 0) this.instances.splice(at, 1);
    instance.state = 'gone';
  }
}
