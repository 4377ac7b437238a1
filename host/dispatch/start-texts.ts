import type { StartSpec, WasmStart } from '#runtime/frames.ts';
import type { StartHead } from '#runtime/guest/protocol.ts';
import type { Target } from '../registry.ts';

/** Of code as it crosses the channel, what a start says of it. */
export interface CodeSizes {
  readonly sourceBytes: number;
  readonly cacheBytes: number;
  /** The names of files the cell reads. */
  readonly wasm?: WasmStart;
}

/** How an instance is to live in its cell (StartSpec). */
export interface Manner {
  readonly keep: boolean;
  readonly apart: boolean;
}

/** An instance for calls, like any other. */
export const usual: Manner = { keep: false, apart: false };

interface Made extends CodeSizes {
  readonly text: string;
}

/** What cells are told to start instances from: JSON of StartSpec, made ahead of the first start and kept with its target. */
export class StartTexts {
  /** navigator.userAgent of guests. */
  readonly #agent: string;
  readonly #made: WeakMap<Target, Made> = new WeakMap();

  constructor(agent: string) {
    this.#agent = agent;
  }

  of(target: Target, code: CodeSizes, manner: Manner): string {
    const isUsual = !manner.keep && !manner.apart;
    const made = this.#made.get(target);
    if (isUsual && made !== undefined && isSame(made, code)) return made.text;
    const text = JSON.stringify(this.#spec(target, code, manner));
    const { sourceBytes, cacheBytes, wasm } = code;
    if (isUsual)
      this.#made.set(target, { sourceBytes, cacheBytes, text, ...(wasm === undefined ? {} : { wasm }) });
    return text;
  }

  #spec(target: Target, code: CodeSizes, { keep, apart }: Manner): StartSpec {
    const { deployment, secrets } = target;
    const head: StartHead = {
      function: deployment.function,
      version: deployment.version,
      memoryMb: deployment.limits.memoryMb,
      vars: { ...deployment.vars, ...secrets },
      bindings: deployment.bindings.map(({ name, kind }) => ({ name, kind })),
      agent: this.#agent,
      ...(deployment.allow === undefined || deployment.allow.length === 0 ? {} : { allow: deployment.allow }),
    };
    const { memoryMb, cpuMs, startupCpuMs, logBytes } = deployment.limits;
    return {
      codeId: deployment.id,
      sourceBytes: code.sourceBytes,
      cacheBytes: code.cacheBytes,
      ...(code.wasm === undefined ? {} : { wasm: code.wasm }),
      head: JSON.stringify(head),
      memoryMb,
      cpuMs,
      startupCpuMs,
      logBytes,
      keep,
      ...(apart ? { apart } : {}),
    };
  }
}

function isSame(one: CodeSizes, other: CodeSizes): boolean {
  return (
    one.sourceBytes === other.sourceBytes &&
    one.cacheBytes === other.cacheBytes &&
    one.wasm?.artifact === other.wasm?.artifact &&
    one.wasm?.folder === other.wasm?.folder
  );
}
