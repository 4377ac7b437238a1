import type { Arrival } from './arrivals.ts';
import type { Instance } from './engine.ts';
import type { GoneReason } from './frames.ts';
import type { Message } from './isolate/entries.ts';

const noBytes = new Uint8Array();

/** A message that came before its instance was ready. */
interface Waiting {
  readonly id: number;
  readonly message: string;
  readonly hand: (instance: Instance) => void;
}

/** A place for an instance in a cell: from Load on, before the instance exists, until it is gone and drained. */
export class Slot {
  readonly id: number;
  readonly codeId: string;
  instance: Instance | undefined;
  /** What came before the instance was ready, in order. */
  waiting: Waiting[] = [];
  /** From the moment it runs until everybody has heard of it. */
  arrival: Arrival | undefined;
  /** Set when it takes nothing new; disposed when drained. */
  gone: GoneReason | undefined;

  constructor(id: number, codeId: string) {
    this.id = id;
    this.codeId = codeId;
  }

  /** Its instance let go before it said anything: what that was told waits for another one. */
  startAnew(messages: readonly Message[]): void {
    this.instance = undefined;
    this.arrival = undefined;
    const begun = new Set<number>();
    for (const { invocation: id, text: message, bytes = noBytes } of messages) {
      const hand = begun.has(id) ? 'message' : 'begin';
      begun.add(id);
      this.waiting.push({ id, message, hand: (instance) => instance[hand](id, message, bytes) });
    }
  }

  get memoryBytes(): number {
    return this.instance?.memoryBytes ?? 0;
  }

  get inFlight(): number {
    return this.instance?.inFlight ?? 0;
  }
}
