import { defaultEgress } from '#runtime/deployment.ts';
import { randomUUID } from 'node:crypto';
import type { Body, Call, Dispatch, Handle, Sink } from '#host/call.ts';
import type { Match, Registry, Target } from '#host/registry.ts';
import { HostError } from '#runtime/errors.ts';
import { parseFunctionName } from '#runtime/deployment.ts';
import type { DeploymentId } from '#runtime/deployment.ts';
import { defaultLimits } from '#runtime/limits.ts';
import type { Limits } from '#runtime/limits.ts';
import { noUsage } from '#runtime/meter.ts';
import type { Outcome } from '#runtime/outcome.ts';

/** One call as a guest function of a test sees it. */
export interface GuestCall {
  readonly id: string;
  readonly call: Call;
  /** Aborts with the reason the sender gave: `abort` or `fail: …`. */
  readonly signal: AbortSignal;
  /** The streamed request body; taking a chunk grants room for as much. */
  readonly body: AsyncIterable<Uint8Array>;
  head(status: number, headers: readonly string[], body: Body): void;
  /** Resolves when there is room for more; rejects when the call is over. */
  chunk(bytes: Uint8Array): Promise<void>;
  /** The streamed response body is complete. */
  finish(): void;
}

/** What ends the call; nothing stands for `responded`. A throw is the outcome `threw`. */
export type Guest = (guest: GuestCall) => Outcome | void | Promise<Outcome | void>;

export interface TestFunction {
  readonly guest: Guest;
  readonly limits?: Partial<Limits>;
  /** Runs the guest before `start` returns, as a dispatch that refuses at once does. */
  readonly immediately?: boolean;
}

const creditBytes = 256 * 1024;

/**
 * A Dispatch whose guests are functions of the test: another implementation of host/call.ts, in process, with credit
 * on both bodies and the two body limits. `calls` and `events` tell what the sender did.
 */
export class TestDispatch implements Dispatch {
  readonly calls: Call[] = [];
  /** `abort`, `fail: …`, and `overrun` when the sender wrote more than was asked for. */
  readonly events: string[] = [];
  /** The most response bytes that were sent and not yet consumed. */
  mostUnconsumed = 0;
  readonly #functions: Readonly<Record<string, TestFunction>>;

  constructor(functions: Readonly<Record<string, TestFunction>>) {
    this.#functions = functions;
  }

  start(target: Target, call: Call, sink: Sink): Handle {
    this.calls.push(call);
    const fn = this.#functions[target.deployment.function]!;
    const run = new Run({ dispatch: this, call, sink, limits: target.deployment.limits });
    if (fn.immediately === true) void run.play(fn.guest);
    else queueMicrotask(() => void run.play(fn.guest));
    return run;
  }
}

class Run implements Handle, GuestCall {
  readonly id: string = randomUUID();
  readonly call: Call;
  readonly #sink: Sink;
  readonly #dispatch: TestDispatch;
  readonly #limits: Limits;
  readonly #abort = new AbortController();
  readonly #queue: Uint8Array[] = [];
  #ended = false;
  #over = false;
  #room = creditBytes;
  #granted = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #wake: (() => void)[] = [];

  constructor(parts: { dispatch: TestDispatch; call: Call; sink: Sink; limits: Limits }) {
    this.#dispatch = parts.dispatch;
    this.call = parts.call;
    this.#sink = parts.sink;
    this.#limits = parts.limits;
  }

  async play(guest: Guest): Promise<void> {
    if (this.call.kind === 'request' && this.call.streamed) this.#grant(creditBytes);
    try {
      const result = guest(this);
      const outcome = result instanceof Promise ? await result : result;
      this.#finish(outcome ?? { kind: 'responded', status: 200 });
    } catch (error) {
      const { name, message } = error as Error;
      this.#finish({ kind: 'threw', error: { name, message, phase: 'handler' } });
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.#chunks();
  }

  head(status: number, headers: readonly string[], body: Body): void {
    if (!this.#over) this.#sink.head(status, headers, body);
  }

  async chunk(bytes: Uint8Array): Promise<void> {
    while (this.#room <= 0 && !this.#over) await this.#change();
    if (this.#over) throw new Error('the call is over');
    this.#room -= bytes.length;
    this.#bytesOut += bytes.length;
    if (this.#bytesOut > this.#limits.responseBodyBytes) {
      return this.#finish({ kind: 'exceeded', limit: 'responseBodyBytes' });
    }
    this.#dispatch.mostUnconsumed = Math.max(this.#dispatch.mostUnconsumed, creditBytes - this.#room);
    this.#sink.chunk(bytes);
  }

  finish(): void {
    if (!this.#over) this.#sink.end();
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  write(bytes: Uint8Array): void {
    this.#granted -= bytes.length;
    if (this.#granted < 0) this.#dispatch.events.push('overrun');
    this.#bytesIn += bytes.length;
    this.#queue.push(bytes);
    if (this.#bytesIn > this.#limits.requestBodyBytes) {
      this.#finish({ kind: 'exceeded', limit: 'requestBodyBytes' });
    }
    this.#notify();
  }

  fail(message: string): void {
    this.#stop(`fail: ${message}`);
  }

  discard(): void {
    this.#dispatch.events.push('discard');
  }

  abort(): void {
    this.#stop('abort');
  }

  consumed(bytes: number): void {
    this.#room += bytes;
    this.#notify();
  }

  #stop(reason: string): void {
    this.#dispatch.events.push(reason);
    this.#abort.abort(reason);
    this.#finish({ kind: 'cancelled' });
  }

  #finish(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#notify();
    this.#sink.done(outcome, noUsage);
  }

  async *#chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#grant(chunk.length);
      } else if (this.#ended) return;
      else if (this.#over) throw new Error('the request body broke off');
      else await this.#change();
    }
  }

  #grant(bytes: number): void {
    if (this.#over) return;
    this.#granted += bytes;
    this.#sink.wants(bytes);
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
    });
  }
}

/** A guest written as a web handler, `(request) => Response`; bodies stream both ways. */
export function web(handler: (request: Request) => Response | Promise<Response>): Guest {
  return async (guest) => {
    const { call } = guest;
    if (call.kind !== 'request') return { kind: 'refused', reason: 'no-handler' };
    const headers = new Headers();
    for (let i = 0; i < call.headers.length; i += 2) headers.append(call.headers[i]!, call.headers[i + 1]!);
    const init: RequestInit = { method: call.method, headers, signal: guest.signal };
    if (call.body !== undefined) init.body = new Uint8Array(call.body);
    if (call.streamed) Object.assign(init, { body: ReadableStream.from(guest.body), duplex: 'half' });
    const response = await handler(new Request(call.url, init));
    const flat = [...response.headers].flat();
    if (response.body === null) return guest.head(response.status, flat, { kind: 'none' });
    guest.head(response.status, flat, { kind: 'stream' });
    for await (const chunk of response.body) await guest.chunk(chunk);
    guest.finish();
  };
}

/** A guest that answers with text. */
export function text(body: string, headers: readonly string[] = [], status = 200): Guest {
  return (guest) => guest.head(status, headers, { kind: 'text', text: body });
}

/** Addresses of the functions by name: `name.localhost` and `/name/…`, `@1` allowed. */
export function testRegistry(
  functions: Readonly<Record<string, TestFunction>>,
): Pick<Registry, 'match' | 'target'> {
  const targets = new Map<string, Target>();
  for (const [name, { limits }] of Object.entries(functions)) targets.set(name, toTarget(name, limits));
  return {
    match(hostname, path): Match | undefined {
      const byHost = hostname.endsWith('.localhost') ? targets.get(hostname.slice(0, -10)) : undefined;
      if (byHost !== undefined) return { target: byHost, prefix: '' };
      const segment = /^\/([a-z0-9-]+)(?:@1)?(?=\/|$)/.exec(path);
      const target = segment === null ? undefined : targets.get(segment[1]!);
      return target === undefined ? undefined : { target, prefix: segment![0] };
    },
    target(name, version = 1): Target {
      const target = targets.get(name);
      if (target === undefined) throw new HostError('ERR_NO_FUNCTION', `No function "${name}"`);
      if (version !== 1) throw new HostError('ERR_NO_VERSION', `No version ${version} of "${name}"`);
      return target;
    },
  };
}

function toTarget(name: string, limits: Partial<Limits> = {}): Target {
  return {
    deployment: {
      id: name as DeploymentId,
      function: parseFunctionName(name),
      version: 1,
      limits: { ...defaultLimits, ...limits },
      bindings: [],
      vars: {},
      cordon: 'default',
      minWarm: 0,
      routes: [],
      access: [],
      egress: defaultEgress,
      createdAt: 0,
    },
    secrets: {},
    key: name,
    load: () => Promise.reject(new Error('a test function has no code to load')),
  };
}
