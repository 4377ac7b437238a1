import type { WasmProgram } from './deployment.ts';

/**
 * What crosses the channel between the host and a cell. A frame is
 *   u32 length of what follows | u8 type | u32 id | u32 length of the text | text (UTF-8) | bytes
 * all little-endian. `id` is an invocation number, an instance number or a request number, as the type says.
 * Both numbers are given out by the host, per cell, from 1 on, and never used twice.
 */
export const Frame = {
  /**
   * Both ways, id: how many: frames without bytes that follow each other; text: all of theirs; bytes: type, id and
   * length of the text of each, u32. The channel's own: nobody else sees it.
   */
  Pack: 0,
  /** host → cell, id 0: CellConfig; bytes: guest bundle, then its code cache. First frame on every channel. */
  Configure: 1,
  /** host → cell, id instance: StartSpec; bytes: source (UTF-8), then code cache; both empty when the cell has them. */
  Load: 2,
  /** host → cell, id invocation: text "instance\n" + message for the guest. Begins an invocation. */
  Begin: 3,
  /** host → cell, id invocation: a later message for the guest (protocol.ts, In). */
  Message: 4,
  /** host → cell, id invocation: it is over as far as the host cares; drop what belongs to it. */
  Drop: 5,
  /** host → cell, id instance: take no new invocation, go once those under way are done. Text: reason. */
  Retire: 6,
  /** host → cell, id request: bytes: source; answered by Compiled. Only sent to a cell that runs no guest. */
  Compile: 7,
  /** host → cell, id request: answered by Pong. */
  Ping: 8,

  /** cell → host: configured, spares being filled. */
  Ready: 20,
  /** cell → host, id instance: LoadedReport. */
  Loaded: 21,
  /** cell → host, id instance: text NotLoadedReport; the instance does not exist. */
  NotLoaded: 22,
  /** cell → host, id instance: the instance is gone or takes nothing new; text: GoneReason. */
  Gone: 23,
  /** cell → host, id invocation: letter + JSON (protocol.ts, Out), bytes where the line has some. */
  Line: 24,
  /** cell → host, id invocation: EndReport; the last frame of the invocation. */
  Ended: 25,
  /** cell → host, id invocation: the instance went before the guest saw it; start it elsewhere. */
  Returned: 26,
  /** cell → host, id request: bytes: code cache; text: error message when it failed. */
  Compiled: 27,
  /** cell → host, id request: CellReport. */
  Pong: 28,
  /** cell → host, id instance: a log line of the top level: JSON [level, text]. */
  TopLevelLog: 29,
  /** cell → host, id invocation: EndReport, newline, JSON of an `A` line, bytes where it has some; the last frame. */
  Answered: 31,
  /** cell → host, id 0: this process can no longer be trusted to make progress; text: why. */
  Condemned: 30,
} as const;

export const frameHeaderBytes = 13;
/** Longest frame a cell may send; the host ends a cell that sends more. */
export const longestFromCell: number = 64 * 2 ** 20;
/** Longest frame the host sends: a bundle with its code cache. */
export const longestToCell: number = 256 * 2 ** 20;

/** What a cell is told first. */
export interface CellConfig {
  /** Bytes of the code cache within the frame's bytes; the bundle's source comes first. */
  readonly cacheBytes: number;
  readonly spares: number;
  readonly warmBytes: number;
  readonly idleMs: number;
  /** Absolute path of the folder with this cordon's compiled wasm; absent where there is none. */
  readonly wasmFolder?: string;
  /** Set for the cell that compiles: no spares, no guests. */
  readonly compiler: boolean;
  /** True in the host's own process: the cell may not end the process. */
  readonly inProcess: boolean;
}

export interface LoadedReport {
  /** What the module exports: fetch, handler, … */
  readonly kinds: readonly string[];
  readonly memoryBytes: number;
  /** True when a spare was ready. */
  readonly spare: boolean;
  /** True when V8 took the code cache. */
  readonly cached: boolean;
  /** Wall ms by phase. */
  readonly phases: StartPhases;
}

export interface StartPhases {
  /** Creating isolate and context, and bootstrapping the web globals; 0 with a spare. */
  readonly create: number;
  readonly bootstrap: number;
  /** Compiling or reading the code cache. */
  readonly load: number;
  readonly topLevel: number;
}

export type GoneReason = 'idle' | 'full' | 'replaced' | 'unhealthy';

export interface CellReport {
  readonly rssBytes: number;
  readonly warmBytes: number;
  readonly instances: number;
  readonly spares: number;
  readonly disposed: number;
  readonly evictions: Readonly<Record<GoneReason, number>>;
}

/** Text of Ended: kind and its detail, then CPU and memory: "cause cpuMicros peakBytes". */
export type EndCause = 'finished' | 'memoryMb' | 'cpuMs' | 'logBytes' | 'instance';

export interface EndReport {
  readonly cause: EndCause;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** The last report that was written; requests that went in together end alike. */
let written = { cause: 'finished', cpuMicros: -1, peakBytes: -1, text: '' };

/** One line of text: hot path, so no JSON. */
export function formatEnd({ cause, cpuMs, peakBytes }: EndReport): string {
  const cpuMicros = Math.round(cpuMs * 1000);
  const same = written.cpuMicros === cpuMicros && written.peakBytes === peakBytes && written.cause === cause;
  if (!same) written = { cause, cpuMicros, peakBytes, text: `${cause} ${cpuMicros} ${peakBytes}` };
  return written.text;
}

const causes: readonly EndCause[] = ['finished', 'memoryMb', 'cpuMs', 'logBytes', 'instance'];

/** The last report that was read, and its text. */
let read: { readonly text: string; readonly report: EndReport } | undefined;

/** Parses what `formatEnd` wrote, from the start of `text` to `end`, or throws TypeError. */
export function parseEnd(text: string, end: number = text.length): EndReport {
  const line = text.slice(0, Math.max(0, end));
  if (read?.text === line) return read.report;
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const cause = causes.find((known) => known.length === first && line.startsWith(known));
  const cpuMicros = readCount(line, first + 1, second);
  const peakBytes = readCount(line, second + 1, line.length);
  if (cause === undefined || cpuMicros < 0 || peakBytes < 0)
    throw new TypeError(`Cannot read end report ${JSON.stringify(text.slice(0, 200))}`);
  const report = { cause, cpuMs: cpuMicros / 1000, peakBytes };
  // A copy: a slice would keep the whole pack it came in.
  read = { text: formatEnd(report), report };
  return report;
}

/** The decimal digits between two places, at most 15 of them, or -1. */
function readCount(text: string, from: number, to: number): number {
  if (to <= from || to - from > 15) return -1;
  let count = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    count = count * 10 + digit;
  }
  return count;
}

/** What a wasm instance is started from; names of files and folders in `CellConfig.wasmFolder`. */
export interface WasmStart {
  /** Compiled by `host/cells/wasm-compiler.ts`: machine code that is trusted. */
  readonly artifact: string;
  readonly program: WasmProgram;
  /** Folder the guest sees, read-only, at `/app`. */
  readonly folder?: string;
}

/** What one instance needs to start, beside its code. */
export interface StartSpec {
  /** Names the code: a second Load of the same code in a cell sends no bytes. */
  readonly codeId: string;
  readonly sourceBytes: number;
  readonly cacheBytes: number;
  /** Instead of a source: sourceBytes and cacheBytes are 0 and no bytes are sent. */
  readonly wasm?: WasmStart;
  /** JSON text of the guest's StartHead. */
  readonly head: string;
  readonly memoryMb: number;
  readonly cpuMs: number;
  readonly startupCpuMs: number;
  readonly logBytes: number;
  /** Never evicted for being idle or for room: minWarm asked for it. */
  readonly keep: boolean;
  /** Nothing of it runs on the cell's own thread (isolate/thread-policy.ts). */
  readonly apart?: boolean;
}

/** Why an instance did not come to be; `outcome` is what its waiting invocations end with. */
export interface NotLoadedReport {
  /** The cell no longer has the code: send it again. */
  readonly needCode?: boolean;
  readonly outcome?: unknown;
}
