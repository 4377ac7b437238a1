import type { CellClient } from '../cells/cell-client.ts';
import type { Invocation } from './invocation.ts';

/** One instance as the host sees it; it lives in a cell. */
export class HostInstance {
  readonly cell: CellClient;
  /** minWarm asked for it. */
  readonly keep: boolean;
  /** Nothing of it runs on its cell's own thread. */
  readonly apart: boolean;
  /** Its number on the channel; 0 until its code is on the way. */
  number = 0;
  state: 'opening' | 'loading' | 'ready' | 'gone' = 'opening';
  /** Invocations placed here. */
  inFlight = 0;
  /** WebSockets open here; they are not in flight any more. */
  sockets = 0;
  /** Those of them that came before it was ready: they are cold. */
  readonly waiting: Set<Invocation> = new Set();

  constructor(cell: CellClient, { keep, apart }: { readonly keep: boolean; readonly apart: boolean }) {
    this.cell = cell;
    this.keep = keep;
    this.apart = apart;
  }
}
