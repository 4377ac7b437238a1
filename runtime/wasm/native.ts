import type { WasmProgram } from '#runtime/deployment.ts';
import type { Limits } from '#runtime/limits.ts';
import type { EndCause } from '#runtime/frames.ts';

/**
 * What the native addon (runtime/wasm/native, built from Rust) gives. A contract between two languages: change both
 * sides together.
 */
export interface Native {
  /** SHA-256 (hex) of the crate's sources the addon was built from. */
  sourceHash(): string;
  /** Names everything compiled code depends on: addon, Wasmtime, engine settings, CPU features. Hex. */
  engineHash(): string;
  /** For the compiling process only: guest-controlled work, seconds long, on threads of its own. */
  compile(module: Uint8Array): Promise<Compiled>;
  readonly Engine: new (options: EngineOptions, notify: () => void) => NativeEngine;
}

/** What `compile` made, or why not: refusals are data. */
export type Compiled =
  | { readonly ok: true; readonly guest: WasmProgram['guest']; readonly artifact: Uint8Array }
  | {
      readonly ok: false;
      /** `malformed`: no valid wasm; `unsupported`: a proposal that is off; `world`: neither kind of guest. */
      readonly reason: 'malformed' | 'unsupported' | 'world';
      /** Says what it is, for people. */
      readonly message: string;
      /** Imports that nothing here satisfies, `module::name` or `wasi:…/interface@version`; for `world`. */
      readonly missing: readonly string[];
    };

export interface EngineOptions {
  /** Threads that run guests. */
  readonly workers: number;
  /**
   * Live stores at once; calls beyond that wait in their order. One instance gets three quarters of them at the most, and
   * one that needs more of the pool than others counts for several.
   */
  readonly slots: number;
  /** The largest `memoryMb` any instance may have: sizes the pool. */
  readonly maxMemoryMb: number;
}

/** What `NativeEngine.load` takes, as JSON. */
export interface NativeSpec {
  /** Absolute path of a file `compile` made. */
  readonly artifact: string;
  readonly program: WasmProgram;
  /** Absolute path of the folder seen at `/app`. */
  readonly folder?: string;
  /** Seen as environment variables and through wasi:config. */
  readonly vars: Readonly<Record<string, string>>;
  /** env names and kinds, for wasi:keyvalue and the `islet` imports. */
  readonly bindings: readonly { readonly name: string; readonly kind: string }[];
  readonly function: string;
  readonly limits: Pick<Limits, 'memoryMb' | 'cpuMs' | 'startupCpuMs' | 'logBytes'>;
}

export interface NativeLoaded {
  readonly ok: true;
  /** Wall ms: reading and linking; first instantiation (a resident: until it waits for its first line). */
  readonly loadMs: number;
  readonly startMs: number;
  /** For `loadNow` on the same engine. Never for residents. */
  readonly recipe?: NativeRecipe;
}

/** Of the addon's own: what has started once. */
declare const recipe: unique symbol;
export interface NativeRecipe {
  readonly [recipe]: never;
}

export interface NativeRefused {
  readonly ok: false;
  readonly kind: 'threw' | 'exceeded' | 'crashed';
  /** For `exceeded`: startupCpuMs, memoryMb or logBytes. */
  readonly limit?: string;
  readonly message: string;
  /** The wasm backtrace, or the last lines on stderr. */
  readonly stack?: string;
}

/**
 * One per cell. Instances and invocations are numbered by the caller. Calls return at once; what happens comes as events:
 * `notify` is called (on the main thread, once until the next drain) when there are some.
 */
export interface NativeEngine {
  /** True when the pooling allocator could be had. */
  readonly pooled: boolean;
  /** `spec` is JSON of NativeSpec. Never rejects. */
  load(instance: number, spec: string): Promise<NativeLoaded | NativeRefused>;
  /**
   * `load` within this call, of what has been loaded before: nothing is read, nothing of the guest's runs. How long it
   * took, in ms; null where its code is not in memory any more: `load` it.
   */
  loadNow(instance: number, recipe: NativeRecipe): number | null;
  /**
   * Protocols http and cgi: `message` is the first message of an invocation (guest/protocol.ts, In.Request or In.Event)
   * and `bytes` its body. Residents (events, lambda): `bytes` is the first line for stdin, without its newline, and
   * `message` is ''.
   */
  begin(instance: number, invocation: number, message: string, bytes: Uint8Array | undefined): void;
  /**
   * http, cgi: a later message (In.Chunk, End, Fail, Credit, Cancel, Answer, Abort). Residents: one more line for stdin.
   * Abort fails the request body and the response's writes, and a call that waits for a slot; the guest goes on within its limits.
   */
  message(invocation: number, message: string, bytes: Uint8Array | undefined): void;
  /** Residents only: the line that ends the invocation has come; the resident is free for the next one. Ends it: `ended`. */
  finish(invocation: number): void;
  /** The invocation is over for everybody: its store goes, however busy it is, and no event follows. */
  drop(invocation: number): void;
  /** Frees the instance; invocations under way end with cause `instance`. */
  unload(instance: number): void;
  /** Linear memories and tables of all live stores of the instance, and its share of compiled code. */
  memoryBytes(instance: number): number;
  /** CPU time of the engine's own threads, ended ones included, in ms. */
  cpuMs(): number;
  drain(): readonly NativeEvent[];
  /** Ends everything; no event follows. */
  close(): void;
}

/** In order for each invocation. */
export interface NativeEvent {
  readonly instance: number;
  /** 0: not one invocation's. */
  readonly invocation: number;
  /**
   * A letter of guest/protocol.ts (`H A C E F G X O K L R Z N`): `text` is the JSON after it, [off, len] pairs point into
   * `bytes`. `A` also ends the invocation. Else `line`: a line a resident wrote to stdout, in `bytes`; `ended`: nothing follows; `unhealthy`: the instance must
   * not be used any more.
   */
  readonly kind: string;
  readonly text?: string;
  readonly bytes?: Uint8Array;
  /** With `A` and `ended`. */
  readonly cause?: EndCause;
  readonly cpuMs?: number;
  readonly peakBytes?: number;
}
