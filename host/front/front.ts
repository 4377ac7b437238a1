import type { AccessRule } from '#runtime/deployment.ts';
import type { RefusedReason } from '#runtime/outcome.ts';
import type { Call, Dispatch, Handle, RequestCall, Sink } from '../call.ts';
import type { Attachments } from '../dispatch/attachments.ts';
import type { Target } from '../registry.ts';
import { FrontFigures, type FrontKind } from './figures.ts';
import { FrontCall } from './front-call.ts';
import { passThrough, pathStart } from './gate.ts';
import { servedAt, toPlan, type Plan, type TargetAssets } from './plan.ts';
import { serve } from './serve.ts';

export interface FrontOptions {
  readonly dispatch: Dispatch;
  /** The dispatcher's own. */
  readonly attachments: Attachments;
  /** Static files of a target, where it has some. */
  readonly assets?: (target: Target) => TargetAssets | undefined;
  /** As the dispatcher gives them. */
  readonly nextId: () => string;
  /** Mistakes of the host. */
  readonly failed: (error: unknown, what: string) => void;
}

/** What the host answers before functions do. */
export interface Front extends Dispatch {
  readonly figures: FrontFigures;
  /** Ends answers that have no end of their own; those under way that have one may take `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/**
 * A Dispatch before another one: access rules, then paths that bindings serve, then static files, then the function. A
 * target that has none of them costs one look-up.
 */
export function createFront(options: FrontOptions): Front {
  return new FrontDispatch(options);
}

class FrontDispatch implements Front {
  readonly figures: FrontFigures = new FrontFigures();
  readonly #options: FrontOptions;
  readonly #plans: WeakMap<Target, Plan | Dispatch> = new WeakMap();
  readonly #calls: Set<FrontCall> = new Set();
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  start(target: Target, call: Call, sink: Sink): Handle {
    const { dispatch } = this.#options;
    const plan = this.#plans.get(target) ?? this.#plan(target);
    // The dispatch in a plan's place: there is nothing to do here.
    if (plan === dispatch || call.kind === 'event') return dispatch.start(target, call, sink);
    return this.#take(plan as Plan, call, sink);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const call of this.#calls) if (call.endless) call.abort();
    if (this.#calls.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const call of this.#calls) call.finish({ kind: 'crashed', cause: 'internal' });
  }

  #plan(target: Target): Plan | Dispatch {
    const { attachments, assets, dispatch } = this.#options;
    const plan = toPlan(target, attachments.of(target), assets?.(target)) ?? dispatch;
    this.#plans.set(target, plan);
    return plan;
  }

  #take(plan: Plan, call: RequestCall, sink: Sink): Handle {
    const { dispatch, nextId } = this.#options;
    const { hostname, path } = addressOf(call.url);
    const served = servedAt(plan, path);
    const decision = plan.access?.decide(hostname, path);
    const ambiguous = decision?.kind === 'ambiguous';
    // Who cannot sign in yet must reach the page to do it: what a binding serves is behind no rule of its own.
    const checks = decision?.kind === 'check' ? decision.checks : [];
    const asked = served === undefined ? checks : checks.filter(({ binding }) => binding !== served.binding);
    // No file is a WebSocket.
    const files = plan.assets?.first !== 'function' && call.upgrade !== true;
    const assets = files ? plan.assets : undefined;
    if (!ambiguous && asked.length === 0 && served === undefined && assets === undefined)
      return dispatch.start(plan.target, call, sink);
    const front = new FrontCall({
      dispatch,
      target: plan.target,
      call,
      sink,
      id: call.id ?? nextId(),
      left: (over) => this.#left(over),
    });
    this.#calls.add(front);
    if (this.#closing) front.finish({ kind: 'refused', reason: 'closing' });
    else if (ambiguous) this.#refuse(plan, front, 'ambiguous-path');
    else void this.#run(plan, front, asked);
    return front;
  }

  async #run(plan: Plan, front: FrontCall, checks: readonly AccessRule[]): Promise<void> {
    try {
      await this.#answer(plan, front, checks);
    } catch (error) {
      const { function: name } = plan.target.deployment;
      this.#options.failed(error, `Answering ${front.call.method} ${front.call.url} for ${name}`);
      front.finish({ kind: 'crashed', cause: 'internal' });
    }
  }

  async #answer(plan: Plan, front: FrontCall, checks: readonly AccessRule[]): Promise<void> {
    const { call } = front;
    const passage = await passThrough(plan, checks, call);
    if (passage.kind === 'refuse') return this.#refuse(plan, front, passage.reason, passage.detail);
    if (passage.kind === 'redirect') {
      const headers = ['location', passage.location, 'cache-control', 'no-store', 'vary', 'accept, cookie'];
      await front.answer({ status: 303, headers, body: undefined });
      return this.#count(plan, front, 'redirected');
    }
    const served = servedAt(plan, addressOf(call.url).path)?.served;
    if (served !== undefined) {
      await serve(front, served);
      return this.#count(plan, front, 'served');
    }
    const asset = call.upgrade === true ? undefined : await plan.assets?.respond(call);
    if (asset === undefined) return front.pass(passage.caller);
    const headers = checks.length === 0 ? asset.headers : toPrivate(asset.headers);
    await front.answer({ body: undefined, ...asset, headers });
    this.#count(plan, front, 'asset');
  }

  #refuse(plan: Plan, front: FrontCall, reason: RefusedReason, detail?: string): void {
    front.finish({ kind: 'refused', reason, ...(detail === undefined ? {} : { detail }) });
    this.#count(plan, front, 'refused');
  }

  #count({ target }: Plan, front: FrontCall, kind: FrontKind): void {
    this.figures.count(target, kind, front.bytesOut);
  }

  #left(call: FrontCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#idle?.();
  }
}

/** What only some may see is for no cache that others share (RFC 9111, 5.2.2.7). */
function toPrivate(headers: readonly string[]): readonly string[] {
  return headers.map((value, i) =>
    i % 2 === 1 && headers[i - 1] === 'cache-control' ? value.replace(/\bpublic\b/i, 'private') : value,
  );
}

/** The host name without its port, and the path, of an absolute normalised URL. */
function addressOf(url: string): { readonly hostname: string; readonly path: string } {
  const start = url.indexOf('://') + 3;
  const slash = pathStart(url);
  const question = url.indexOf('?', slash);
  const authority = url.slice(start, slash);
  const colon = authority.lastIndexOf(':');
  const hostname = colon > authority.lastIndexOf(']') ? authority.slice(0, colon) : authority;
  return { hostname, path: url.slice(slash, question === -1 ? undefined : question) };
}
