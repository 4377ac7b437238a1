import type { Answer, Attachment, GrantContext, Operation } from '#runtime/binding.ts';
import type { DeploymentHead } from '#runtime/deployment.ts';
import type { Limits } from '#runtime/limits.ts';
import { receive } from './answer.ts';
import { runConnect } from './connect.ts';
import { exchange } from './exchange.ts';
import { createFill } from './fill.ts';
import type { GuardOptions } from './guard.ts';
import { headerOf } from './headers.ts';
import { Outlets } from './outlet.ts';
import type { Outlet } from './outlet.ts';
import { parseRequest } from './request.ts';
import type { OutgoingRequest } from './request.ts';

type SocketLimits = Pick<Limits, 'messageBytes'>;

/** The runtime's own `fetch` and `connect`, bound to "" and not to a name. */
export interface FetchBinding {
  /** `secrets`: those of the function, in the clear, for the headers its policy fills in. */
  attach(
    deployment: Pick<DeploymentHead, 'id' | 'function' | 'egress'> & { readonly limits: SocketLimits },
    secrets: Readonly<Record<string, string>>,
  ): Pick<Attachment, 'grant'>;
  /** Breaks off what is under way and closes the connections. */
  close(): Promise<void>;
}

/**
 * Serves operation `fetch`: args { url, method?, headers?: [name, value, …], redirect? }, body as bytes or stream.
 * Answers value { status, statusText, headers: [name, value, …], url, redirected } and the body, decoded, as a stream
 * or, when all of it is here, as bytes; neither where the standard has none. A cancelled stream, or an ended
 * invocation, breaks its connection off. Rejects with TypeError for what is no request, HostError ERR_EGRESS_REFUSED
 * for what the deployment's policy does not let out, ERR_EGRESS_LIMIT for its limits, ERR_NO_SECRET for a header that
 * cannot be filled in, ERR_FETCH_FAILED for what the network does.
 */
export function createFetchBinding(options: GuardOptions): FetchBinding {
  const outlets = new Outlets(options);
  return {
    attach({ id, function: name, egress: policy, limits }, secrets) {
      const fill = createFill({ name, policy, secrets });
      return {
        grant: (context) => ({
          async call(operation): Promise<Answer> {
            const run = { outlet: outlets.of(id, policy), context, ...(fill === undefined ? {} : { fill }) };
            if (operation.method === 'fetch') return runFetch(operation, run);
            if (operation.method === 'connect')
              return runConnect(operation, { ...run, messageBytes: limits.messageBytes });
            throw noMethod(operation.method);
          },
        }),
      };
    },
    close: () => outlets.close(),
  };
}

interface Run {
  readonly outlet: Outlet;
  readonly context: GrantContext;
  readonly fill?: (request: OutgoingRequest) => OutgoingRequest;
}

async function runFetch(operation: Operation, { outlet, context, fill }: Run): Promise<Answer> {
  const request = withDefaults(parseRequest(operation), context.origin.traceparent);
  const answered = await exchange(outlet, request, {
    signal: operation.signal ?? context.signal,
    limits: outlet.policy,
    ...(fill === undefined ? {} : { fill }),
  });
  const { status, statusText } = answered.incoming;
  const url = new URL(answered.request.url);
  url.hash = '';
  const { headers, ...body } = receive(answered);
  return { value: { status, statusText, headers, url: url.href, redirected: answered.redirected }, ...body };
}

function noMethod(method: string): TypeError {
  return new TypeError(
    `The runtime has no operation ${JSON.stringify(method.slice(0, 100))} here; use fetch or connect`,
  );
}

/** What fetch sends when the guest does not say; codings are not asked for a part of a body (standard, 4.6). */
function withDefaults(request: OutgoingRequest, traceparent: string | undefined): OutgoingRequest {
  const codings = headerOf(request.headers, 'range') === undefined ? 'gzip, deflate, br' : 'identity';
  const defaults = [
    ['accept', '*/*'],
    ['accept-encoding', codings],
    ['accept-language', '*'],
    ['user-agent', 'islet'],
    ...(traceparent === undefined ? [] : [['traceparent', traceparent]]),
  ];
  const missing = defaults.filter(([name = '']) => headerOf(request.headers, name) === undefined);
  return { ...request, headers: [...request.headers, ...missing.flat()] };
}
