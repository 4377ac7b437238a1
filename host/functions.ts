import { HostError } from '#runtime/errors.ts';
import { mostDepth } from '#runtime/functions.ts';
import type { Callee, Called, FunctionCaller, Origin } from '#runtime/functions.ts';
import { outcomeRow } from '#runtime/outcome.ts';
import type { Dispatch } from './call.ts';
import { isTraceparent } from './dispatch/origin.ts';
import { fetchThrough } from './http/fetch-door.ts';
import { invokeThrough } from './http/invoke-door.ts';
import { outcomeRefusal } from './http/error-answer.ts';
import type { Registry, Target } from './registry.ts';

export interface FunctionsParts {
  readonly registry: Pick<Registry, 'target'>;
  /** The front: what it answers or refuses, functions that call get too. */
  readonly dispatch: Dispatch;
}

/** Calls from functions and bindings to functions. Bindings get it before there is anything to call: see `open`. */
export class Functions implements FunctionCaller {
  #parts: FunctionsParts | undefined;

  /** From now on calls go through. */
  open(parts: FunctionsParts): void {
    this.#parts = parts;
  }

  async call(callee: Callee, event: unknown, origin: Origin): Promise<Called> {
    const { dispatch, target } = this.#find(callee, origin);
    const { signal } = origin;
    signal?.throwIfAborted();
    const options = { origin: deeper(origin), ...(signal === undefined ? {} : { signal }) };
    const { outcome, value } = await invokeThrough(dispatch, target, event, options);
    if (outcome.kind === 'returned') return { kind: 'returned', value };
    if (outcome.kind === 'threw') {
      const { name, message } = outcome.error;
      return { kind: 'failed', code: outcomeRow(outcome).code, name, message };
    }
    const { code, message } = outcomeRefusal(outcome);
    return { kind: 'failed', code, name: 'Error', message };
  }

  async fetch(callee: Callee, request: Request, origin: Origin): Promise<Response> {
    const { dispatch, target } = this.#find(callee, origin);
    const { traceparent } = origin;
    const own = request.headers.get('traceparent');
    if (traceparent !== undefined && (own === null || !isTraceparent(own)))
      request.headers.set('traceparent', traceparent);
    return fetchThrough(dispatch, target, request, deeper(origin));
  }

  #find({ name, cordon, version }: Callee, { depth }: Origin): { dispatch: Dispatch; target: Target } {
    if (this.#parts === undefined)
      throw new HostError('ERR_CLOSING', 'Cannot call functions: the host is opening');
    if (depth >= mostDepth) {
      throw new HostError(
        'ERR_CALL_DEPTH',
        `Cannot call "${name}": ${mostDepth} functions have called each other already; break the loop`,
      );
    }
    const { registry, dispatch } = this.#parts;
    const target = find(registry, name, version);
    if (target?.deployment.cordon === cordon) return { dispatch, target };
    throw new HostError(
      'ERR_NO_FUNCTION',
      `Cannot call "${name}": cordon "${cordon}" has no such function${version === undefined ? '' : ` with a version ${version}`}; deploy it there first`,
    );
  }
}

/** Undefined where there is none: why tells of functions that the caller may not know of. */
function find(registry: FunctionsParts['registry'], name: string, version?: number): Target | undefined {
  try {
    return registry.target(name, version);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

/** What a call hands on to the one it makes. */
function deeper({ depth, deadline, traceparent }: Origin): Origin {
  return {
    depth: depth + 1,
    ...(deadline === undefined ? {} : { deadline }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}
