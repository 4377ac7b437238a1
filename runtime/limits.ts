/**
 * What one deployment may use. Every limit has a default, may be set in the manifest, and is capped by the host.
 * Units live in the names. Going over one ends that invocation with an `exceeded` outcome naming the limit.
 */
export interface Limits {
  /** One instance, in MB (2^20 bytes): V8 heap, array buffers and WebAssembly memories; of a wasm store memories and tables. */
  readonly memoryMb: number;
  /** CPU time of one invocation, in ms; waiting is free. */
  readonly cpuMs: number;
  /** Wall clock of one invocation, `waitUntil` included, in ms. */
  readonly wallMs: number;
  /** CPU time of the top level when an instance starts, in ms. */
  readonly startupCpuMs: number;
  readonly requestBodyBytes: number;
  readonly responseBodyBytes: number;
  /** `fetch` calls out and binding operations of one invocation. */
  readonly subrequests: number;
  /** UTF-8 bytes of log lines of one invocation. */
  readonly logBytes: number;
  /** Invocations running at once in one instance; one more is refused with 503. */
  readonly concurrency: number;
  /** WebSockets open at once in one instance, those the function accepted; they are not among its `concurrency`. */
  readonly sockets: number;
  /** From the handshake to the end of an accepted WebSocket, in ms: in the place of `wallMs`. */
  readonly socketMs: number;
  /** An accepted WebSocket over which no message goes for this long is closed, in ms. */
  readonly socketIdleMs: number;
  /** One WebSocket message, in either direction. */
  readonly messageBytes: number;
  /** Bundled code of one deployment; checked at deploy. */
  readonly bundleBytes: number;
}

export type LimitName = keyof Limits;

const MB = 2 ** 20;

/** DESIGN: Limits. */
export const defaultLimits: Limits = {
  memoryMb: 128,
  cpuMs: 50,
  wallMs: 30_000,
  startupCpuMs: 1_000,
  requestBodyBytes: 100 * MB,
  responseBodyBytes: 100 * MB,
  subrequests: 50,
  logBytes: 256 * 1024,
  concurrency: 100,
  sockets: 1_000,
  socketMs: 7_200_000,
  socketIdleMs: 600_000,
  messageBytes: MB,
  bundleBytes: 10 * MB,
};

/** The most a manifest may ask for unless the host is configured otherwise. */
export const defaultCaps: Limits = {
  memoryMb: 1024,
  cpuMs: 300_000,
  wallMs: 900_000,
  startupCpuMs: 10_000,
  requestBodyBytes: 16 * 1024 * MB,
  responseBodyBytes: 16 * 1024 * MB,
  subrequests: 10_000,
  logBytes: 16 * MB,
  concurrency: 10_000,
  sockets: 10_000,
  socketMs: 604_800_000,
  socketIdleMs: 86_400_000,
  messageBytes: 32 * MB,
  bundleBytes: 50 * MB,
};

/** The least that still makes sense; isolated-vm refuses isolates under 8 MB. */
export const leastLimits: Limits = {
  memoryMb: 8,
  cpuMs: 1,
  wallMs: 1,
  startupCpuMs: 1,
  requestBodyBytes: 0,
  responseBodyBytes: 0,
  subrequests: 0,
  logBytes: 0,
  concurrency: 1,
  sockets: 0,
  socketMs: 1,
  socketIdleMs: 1,
  messageBytes: 1,
  bundleBytes: 1,
};

export const limitNames: readonly LimitName[] = Object.keys(defaultLimits) as LimitName[];
