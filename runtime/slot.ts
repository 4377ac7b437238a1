import type { Instance } from './engine.ts';
import type { GoneReason } from './frames.ts';

/** A place for an instance in a cell: from Load on, before the instance exists, until it is gone and drained. */
export class Slot {
  readonly id: number;
  readonly codeId: string;
  instance: Instance | undefined;
  /** What came before the instance was ready, in order. */
  waiting: { readonly id: number; readonly hand: (instance: Instance) => void }[] = [];
  /** Set when it takes nothing new; disposed when drained. */
  gone: GoneReason | undefined;

  constructor(id: number, codeId: string) {
    this.id = id;
    this.codeId = codeId;
  }

  get memoryBytes(): number {
    return this.instance?.memoryBytes ?? 0;
  }

  get inFlight(): number {
    return this.instance?.inFlight ?? 0;
  }
}
