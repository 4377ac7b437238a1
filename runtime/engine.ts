import type { Limits } from './limits.ts';
import type { GuestError } from './outcome.ts';
import type { StartPhases, WasmStart } from './frames.ts';

/** What starts instances: one for isolates, one for WebAssembly. Lives in a cell; has no disk and no network. */
export interface Engine<Spec extends InstanceSpec = InstanceSpec> {
  readonly kind: 'isolate' | 'wasm';
  /**
   * The cold start. Resolves once the top level has run. Rejects with StartFailure when it could not be started:
   * the top level threw or went over a limit.
   */
  start(spec: Spec, watcher: InstanceWatcher): Promise<Started>;
  /** Number of bootstrapped sandboxes waiting for a function. */
  readonly spares: number;
  close(): void;
}

export interface Started {
  readonly instance: Instance;
  /** What it takes, about: of a quick start what its spare took when it was put by. */
  readonly memoryBytes: number;
  readonly kinds: readonly string[];
  readonly spare: boolean;
  readonly cached: boolean;
  readonly phases: StartPhases;
}

/** What an instance is started from. */
export type InstanceSpec = ScriptSpec | WasmSpec;

interface CommonSpec {
  /** JSON text of the guest's StartHead. */
  readonly head: string;
  readonly limits: Pick<Limits, 'memoryMb' | 'cpuMs' | 'startupCpuMs' | 'logBytes'>;
}

export interface ScriptSpec extends CommonSpec {
  readonly source: string;
  /** V8's code cache of `source`, made by a cell that runs no guest; rejected caches are ignored. */
  readonly cache?: Uint8Array;
  /** Nothing of it may run on the thread that others need. */
  readonly apart?: boolean;
}

export interface WasmSpec extends CommonSpec {
  readonly wasm: WasmStart;
}

/** One live sandbox of one deployment. It runs many invocations at once, one entry at a time. */
export interface Instance {
  /** Makes `invocation` known and hands the guest its first message. */
  begin(invocation: number, message: string, bytes: Uint8Array): void;
  /** A later message; dropped when the invocation has ended. */
  message(invocation: number, message: string, bytes: Uint8Array): void;
  /** Ends an invocation from outside (client gone for good, wall clock, …). No `ended` follows. */
  drop(invocation: number): void;
  readonly inFlight: number;
  /** Heap and external bytes, as they were a short while ago; what was never measured is measured now. */
  readonly memoryBytes: number;
  /** Frees everything. Invocations under way end with cause `instance`. */
  dispose(): void;
}

/** How an instance answers. Called by the engine, implemented by the cell. */
export interface InstanceWatcher {
  /** A line for the host (protocol.ts, Out); `bytes` only where the line has some. */
  line(invocation: number, letter: string, json: string, bytes?: Uint8Array): void;
  /** The whole answer (a head with its body) and the end in one: what most invocations come to. */
  answered(invocation: number, json: string, bytes: Uint8Array | undefined, end: InstanceEnd): void;
  /** The invocation is over; nothing follows for it. */
  ended(invocation: number, end: InstanceEnd): void;
  /** No new invocations, please: dispose when those under way are done. Called at most once. */
  unhealthy(): void;
  /** This process can no longer be trusted to make progress. */
  condemned(why: string): void;
}

export interface InstanceEnd {
  /** `instance`: lost to another invocation's failure. */
  readonly cause: 'finished' | 'memoryMb' | 'cpuMs' | 'logBytes' | 'instance';
  readonly cpuMs: number;
  readonly peakBytes: number;
}

/** Why there is no instance, as data. */
export type StartProblem =
  | { readonly kind: 'threw'; readonly error: GuestError }
  | { readonly kind: 'exceeded'; readonly limit: 'startupCpuMs' | 'memoryMb' | 'logBytes' }
  | { readonly kind: 'crashed'; readonly message: string };

export class StartFailure extends Error {
  readonly problem: StartProblem;

  constructor(problem: StartProblem) {
    super(`Cannot start instance: ${problem.kind}`);
    this.name = 'StartFailure';
    this.problem = problem;
  }
}
