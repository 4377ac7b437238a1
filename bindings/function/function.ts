import type { Answer, Attachment, Binding, Grant, GrantContext, Operation } from '#runtime/binding.ts';
import { CalleeError } from '#runtime/functions.ts';
import type { Callee, FunctionCaller, Origin } from '#runtime/functions.ts';
import { parseFunctionConfig } from './config.ts';
import { readerOf, takeBody, toRequest } from './exchange.ts';

export interface FunctionBindingOptions {
  readonly functions: FunctionCaller;
}

/** An answer's body of this known size goes with its head, if it is there. */
const inlineBytes = 256 * 1024;

/**
 * The `function` binding: another function of the same cordon, reached without HTTP. Config: { function, version? }.
 * Operations: `fetch`, args { url, method?, headers?: [name, value, …] } and a body, answers { status, statusText,
 * headers, url, redirected: false } and a body; `call`, args { event }, answers { value }. What the callee throws is an
 * Error with its name, its message and a code as in outcome.ts.
 */
export function createFunctionBinding({ functions }: FunctionBindingOptions): Binding {
  return {
    kind: 'function',
    parse: parseFunctionConfig,
    attach(declaration, { cordon }): Attachment {
      const { function: name, version } = parseFunctionConfig(declaration.config);
      const callee: Callee = { name, cordon, ...(version === undefined ? {} : { version }) };
      return { grant: (context) => new FunctionGrant(functions, callee, context) };
    },
  };
}

class FunctionGrant implements Grant {
  readonly #functions: FunctionCaller;
  readonly #callee: Callee;
  readonly #context: GrantContext;

  constructor(functions: FunctionCaller, callee: Callee, context: GrantContext) {
    this.#functions = functions;
    this.#callee = callee;
    this.#context = context;
  }

  async call(operation: Operation): Promise<Answer> {
    const { args, method } = operation;
    if (typeof args !== 'object' || args === null || Array.isArray(args))
      throw new TypeError('Arguments for a function are not an object; send { url, … } or { event }');
    if (method === 'fetch') return this.#fetch(args, operation);
    if (method === 'call') return this.#call(args, operation);
    throw new TypeError(
      `A function binding has no method ${JSON.stringify(method.slice(0, 100))}; use fetch or call`,
    );
  }

  async #fetch(args: object, operation: Operation): Promise<Answer> {
    const origin = this.#origin(operation);
    const request = toRequest(args, operation, origin.signal);
    const response = await this.#functions.fetch(this.#callee, request, origin);
    const { status, statusText, headers, body } = response;
    const value = { status, statusText, headers: [...headers].flat(), url: request.url, redirected: false };
    if (body === null) return { value };
    const length = Number(headers.get('content-length') ?? Number.NaN);
    return length <= inlineBytes
      ? { value, ...(await takeBody(body)) }
      : { value, stream: readerOf(body.getReader()) };
  }

  async #call(args: object, operation: Operation): Promise<Answer> {
    const { event = null } = args as { readonly event?: unknown };
    const called = await this.#functions.call(this.#callee, event, this.#origin(operation));
    if (called.kind === 'failed') throw new CalleeError(called);
    return { value: { value: called.value } };
  }

  #origin({ signal }: Operation): Origin & { readonly signal: AbortSignal } {
    const { origin, signal: whole } = this.#context;
    const { depth, deadline, traceparent } = origin;
    return {
      depth,
      ...(deadline === undefined ? {} : { deadline }),
      ...(traceparent === undefined ? {} : { traceparent }),
      signal: signal ?? whole,
    };
  }
}
