import type { Spread } from './histogram.ts';
import type { Size } from './options.ts';

/** What `runBench` gives and islet-bench.json holds. Durations in ms, sizes in bytes, rates per second. */
export interface BenchReport {
  readonly format: 1;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly size: Size;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** True when servers had one core to themselves and the load generator another. */
  readonly pinned: boolean;
  readonly cold?: ColdReport;
  readonly warm?: WarmReport;
  readonly density?: DensityReport;
  readonly kv?: KvReport;
  readonly auth?: AuthReport;
  readonly web?: WebReport;
  /** `crypto.subtle` beside Node's own. */
  readonly crypto?: readonly WebCaseRow[];
  readonly streaming?: StreamingReport;
  readonly sockets?: SocketsReport;
  readonly wasm?: WasmReport;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly release: string;
  /** Load average of the last minute, before and after the run: above 0.5 before it, others were at work. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export interface ColdReport {
  /** Starts of the engine by itself. */
  readonly phases: readonly StartRow[];
  /** First requests of functions over HTTP. */
  readonly http: readonly FirstRow[];
  /** Beside them: a bare `node -e 0` from spawn to exit. */
  readonly nodeProcess: Spread;
}

export interface StartRow {
  readonly code: 'hello' | 'large';
  readonly sourceBytes: number;
  readonly spare: boolean;
  readonly cached: boolean;
  /** Isolate and context; `bootstrap`: the web globals; both were done before when a spare was taken. */
  readonly create: Spread;
  readonly bootstrap: Spread;
  readonly load: Spread;
  readonly topLevel: Spread;
  readonly total: Spread;
}

export interface FirstRow {
  readonly what: 'after deploy' | 'after a restart' | 'no spare';
  /** The first request of a function. */
  readonly cold: Spread;
  /** The next request to the same function, after a pause as long as the one before the first. */
  readonly warm: Spread;
  /** And one right after that. */
  readonly hot: Spread;
  /** p50 of cold less p50 of warm. */
  readonly overWarm: number;
  /** p50 of cold less p50 of hot. */
  readonly overHot: number;
  /** How many of the starts found a spare and had their code cache taken. */
  readonly spares: number;
  readonly cached: number;
  readonly load: Spread;
  readonly topLevel: Spread;
}

export interface WarmReport {
  readonly connections: number;
  readonly rows: readonly WarmRow[];
  /** islet's hello over node:http's, by round: requests per second, and CPU per request the other way round. */
  /** Hello, islet over node:http, by pairs of short turns. */
  readonly ratio: Ratio;
  /** The same for a request with the headers a browser sends. */
  /** Requests no two of which are alike. */
  readonly differentRatio: Ratio;
  readonly browserRatio: Ratio;
}

export interface WarmRow {
  readonly what: string;
  readonly connections: number;
  /** Medians over the rounds. */
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  /** Server CPU of one request in microseconds; absent where the system does not tell. */
  readonly hostCpuMicros?: number;
  readonly cellCpuMicros?: number;
}

export interface Ratio {
  readonly throughput: readonly number[];
  readonly throughputMedian: number;
  readonly cpu: readonly number[];
  readonly cpuMedian: number;
}

export interface DensityReport {
  readonly steps: readonly DensityStep[];
  /** Slope of the cell's RSS over the number of instances. */
  readonly bytesPerInstance: number;
  readonly instancesPerGb: number;
  /** Beside it: RSS of one bare node:http process. */
  readonly nodeBytes: number;
  readonly nodesPerGb: number;
}

export interface DensityStep {
  readonly instances: number;
  readonly rssBytes: number;
}

export interface KvReport {
  readonly rows: readonly KvRow[];
  /** Median of one write of 4 KB with its fdatasync, on the same disk between the puts. */
  readonly syncMicros: number;
  /** Median of 120 bytes to a bare node process over a socket pair and back, on the same core. */
  readonly hopMicros: number;
  /** The same where the core has just waited for a sync of the disk. */
  readonly hopAfterSyncMicros: number;
  /** Its version, where it is installed. */
  readonly miniflare?: string;
}

export interface KvRow {
  readonly what: string;
  readonly width: number;
  /** Microseconds for one operation, medians over requests of many. */
  readonly islet: number;
  /** The same in bare node:sqlite. */
  readonly sqlite: number;
  /** And in miniflare's KV, where it is installed. */
  readonly miniflare?: number;
}

/** What checking whose a request is adds to it. Microseconds, seen by a client on this machine, one request at a time. */
export interface AuthReport {
  readonly rows: readonly AuthRow[];
}

export interface AuthRow {
  readonly what: string;
  readonly p50: number;
  /** p50 less that of a route where nobody is asked, in the same run. */
  readonly overOpen: number;
}

/** The guest's web classes beside Node's own. */
export interface WebReport {
  readonly rows: readonly WebCaseRow[];
  /** The script every isolate starts with, and V8's cache of it. */
  readonly bundleBytes: number;
  readonly cacheBytes: number;
  /** Of a spare, from the code cache. */
  readonly bootstrap: Spread;
  /** RSS that an isolate with nothing in it adds to a process, and a spare beyond it. */
  readonly blankBytes: number;
  readonly overBlankBytes: number;
}

export interface WebCaseRow {
  readonly what: string;
  /** Microseconds for one, medians over the rounds. */
  readonly guest: number;
  readonly node: number;
}

export interface StreamingReport {
  readonly bytes: number;
  /** In and out again, MB/s. */
  readonly isletMbPerSecond: number;
  readonly nodeMbPerSecond: number;
}

/** Messages of 32 bytes that come back, by sockets that each keep one under way. */
export interface SocketsReport {
  readonly rows: readonly SocketRow[];
}

export interface SocketRow {
  readonly connections: number;
  readonly islet: EchoFigures;
  /** ws by itself. */
  readonly ws: EchoFigures;
}

export interface EchoFigures {
  readonly perSecond: number;
  /** From sending to the answer, ms. */
  readonly p50: number;
  readonly p99: number;
}

export interface WasmReport {
  readonly addonBytes: number;
  /** False where the machine gave no address space for the pool. */
  readonly pooled: boolean;
  /** The addon by itself. */
  readonly engine: readonly WasmEngineRow[];
  /** First requests of functions over HTTP, right after they were deployed. */
  readonly first: readonly WasmFirstRow[];
  readonly connections: number;
  readonly warm: readonly WarmRow[];
  /** `wasmtime serve` on the same core, where it is installed: islet's requests per second over its. */
  readonly peer?: { readonly version: string; readonly throughput: number };
}

export interface WasmEngineRow {
  readonly what: string;
  readonly moduleBytes: number;
  readonly artifactBytes: number;
  /** From the text; done once, at deploy. */
  readonly compileMs: number;
  /** From the compiled file to something that can be instantiated, and the first instantiation. */
  readonly load: Spread;
  readonly instantiate: Spread;
  /** One call after the other: an instance each, run, and the answer taken from the outbox. */
  readonly call: Spread;
}

export interface WasmFirstRow {
  readonly what: string;
  readonly cold: Spread;
  readonly warm: Spread;
  /** p50 of cold less p50 of warm. */
  readonly overWarm: number;
}
