import { NativeUint8Array, bufferLength, setBytes, viewBuffer, viewLength } from './primordials.ts';
import { isOverMemory } from './wasm-limit.ts';

/** What the cell gave `install`; nothing of it is reachable from guest code. */
export interface Port {
  readonly send: Send;
  /** The same for entries on the cell's own thread: what is sent has been read when it returns. */
  readonly sendNow: Send;
  readonly sync: (method: string, text: string) => string;
  readonly marker: Int32Array;
  readonly serve: BlockingServe;
  /** The same for entries on the cell's own thread. */
  readonly serveNow: BlockingServe;
}

export type Send = (text: string, bytes: ArrayBuffer | undefined) => void;

/** protocol.ts, serve. */
export type BlockingServe = (
  method: string,
  args: string,
  bytes: ArrayBuffer | undefined,
) => [0 | 1, string, ArrayBuffer | undefined];

interface Part {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly before: Part | undefined;
}

/** Rounds of microtasks without a new line after which what is kept goes out. */
const patience = 8;
/** Rounds after which it goes out although lines keep coming. */
const mostRounds = 256;

let port: Port | undefined;
let lines = '';
let last: Part | undefined;
let writes = 0;
let scheduled = false;
let holding = false;
/** The entry runs on the cell's own thread. */
let direct = false;
let quiet: () => boolean = () => false;
let settle: () => void = () => undefined;

/** `allOver`: no invocation is alive, so nothing more can come. `beforeFlush` may write more lines. */
export function connect(to: Port, allOver: () => boolean, beforeFlush: () => void): void {
  port = to;
  quiet = allOver;
  settle = beforeFlush;
}

/** The cell's answer to a rare question (protocol.ts, sync). */
export function ask(method: string, text: string): string {
  return port === undefined ? '' : port.sync(method, text);
}

/** Work of the cell that this thread waits for; services.ts is the door. */
export function askToServe(
  method: string,
  args: string,
  bytes: ArrayBuffer | undefined,
): ReturnType<BlockingServe> | undefined {
  return direct ? port?.serveNow(method, args, bytes) : port?.serve(method, args, bytes);
}

/** Which thread the entry that begins runs on: the cell's own one, or the isolate's. */
export function setDirect(is: boolean): void {
  direct = is;
}

/** An entry for this invocation begins. An entry that was cut short may have left `scheduled` set. */
export function beginEntry(invocation: number): void {
  scheduled = false;
  holding = true;
  if (port === undefined) return;
  port.marker[0] = invocation;
  // Never cleared: names who ran last when microtasks go on after the flush.
  port.marker[1] = invocation;
}

/** The entry's own work is done; its microtasks follow. With `more` the output waits for the next entry. */
export function endEntry(more: boolean): void {
  if (more) return;
  holding = false;
  if (quiet()) flush();
  else schedule();
}

export function write(line: string): void {
  lines = lines === '' ? line : `${lines}\n${line}`;
  writes++;
  if (!scheduled && !holding) schedule();
}

/** Keeps bytes for the next flush and gives their offset in it. Takes ownership: nobody may change them later. */
export function writeBytes(bytes: Uint8Array): number {
  const offset = last === undefined ? 0 : last.offset + viewLength(last.bytes);
  last = { bytes, offset, before: last };
  return offset;
}

/** Tells the cell when WebAssembly's memories have outgrown the instance, while it still knows for whom. */
export function checkMemory(): void {
  if (isOverMemory()) ask('memory', '');
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  void flushSoon();
}

// Awaiting a primitive runs no guest code, whatever it did to Promise.
async function flushSoon(): Promise<void> {
  let idle = 0;
  for (let round = 0; round < mostRounds && idle < patience; round++) {
    const before = writes;
    // oxlint-disable-next-line typescript/await-thenable -- one round of microtasks, no promise to wait for
    await undefined;
    if (quiet()) break;
    idle = before === writes ? idle + 1 : 0;
    if (idle === patience) {
      settle();
      if (before !== writes) idle = 0;
    }
  }
  scheduled = false;
  flush();
}

function flush(): void {
  if (port === undefined) return;
  checkMemory();
  port.marker[0] = 0;
  if (lines === '') {
    last = undefined;
    return;
  }
  const bytes = last === undefined ? undefined : gather(last);
  // Nothing between these lines lets V8 end the entry: what is sent is forgotten, what is not sent is kept.
  if (direct) port.sendNow(lines, bytes);
  else port.send(lines, bytes);
  lines = '';
  last = undefined;
}

/** One ArrayBuffer with every part at its offset. Each part knows its own, so an entry cut short mixes nothing up. */
function gather(tail: Part): ArrayBuffer {
  const total = tail.offset + viewLength(tail.bytes);
  const only = viewBuffer(tail.bytes);
  if (tail.before === undefined && bufferLength(only) === total) return only;
  const all = new NativeUint8Array(total);
  for (let part: Part | undefined = tail; part !== undefined; part = part.before) {
    setBytes(all, part.bytes, part.offset);
  }
  return viewBuffer(all);
}
