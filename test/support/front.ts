import type { Test } from 'tap';
import { Attachments } from '#host/dispatch/attachments.ts';
import { createFront, type Front } from '#host/front/front.ts';
import type { TargetAssets } from '#host/front/plan.ts';
import { createGateway } from '#host/http/gateway.ts';
import { listenHttp } from '#host/http/server.ts';
import type { Target } from '#host/registry.ts';
import type { Attachment, Binding, Served } from '#runtime/binding.ts';
import type { Credentials, Identity } from '#runtime/caller.ts';
import type { AccessRule } from '#runtime/deployment.ts';
import { TestDispatch, testRegistry } from './http-dispatch.ts';
import type { Guest } from './http-dispatch.ts';
import { RawClient } from './raw-client.ts';

export interface FrontFacts {
  readonly guest: Guest;
  readonly access?: readonly AccessRule[];
  readonly routes?: readonly string[];
  /** Of the binding `AUTH`. */
  readonly attachment?: Partial<Attachment>;
  readonly assets?: TargetAssets;
}

export interface TestFront {
  readonly front: Front;
  readonly dispatch: TestDispatch;
  readonly target: Target;
  readonly url: string;
  readonly client: () => RawClient;
  /** Mistakes of the host. */
  readonly failures: string[];
}

/**
 * Whose a request is, told by a token that is no secret: `authorization: Bearer ada:admin,editor`; `Bearer !why` does not
 * hold.
 */
export async function identify({ headers }: Credentials): Promise<Identity> {
  const at = headers.indexOf('authorization');
  const token = at === -1 ? undefined : headers[at + 1]?.slice('Bearer '.length);
  if (token === undefined) return { kind: 'anonymous' };
  if (token.startsWith('!')) return { kind: 'invalid', reason: token.slice(1) };
  const [id = '', roles = ''] = token.split(':');
  return { kind: 'caller', caller: { id, roles: roles.split(',').filter(Boolean), claims: {} } };
}

export function bearer(token: string): { readonly headers: { readonly authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

export function rule(pattern: string, auth: AccessRule['auth'], roles: readonly string[] = []): AccessRule {
  return { pattern, auth, binding: 'AUTH', roles };
}

/** A refusal: status and code, and the id that is in its headers. */
export async function refused(
  t: Pick<Test, 'equal'>,
  response: Response,
  { status, code }: { readonly status: number; readonly code: string },
): Promise<void> {
  t.equal(response.status, status, code);
  t.equal(response.headers.get('x-islet-error'), code);
  const { error } = (await response.json()) as { error: Record<string, string> };
  t.equal(error['code'], code);
  t.equal(error['id'], response.headers.get('x-islet-id'));
}

export function served(path: string, respond: Served['respond'], also: readonly string[] = []): Served {
  return { path, also, respond };
}

/** A gateway with a front before one function `fn`, which has the binding `AUTH`; listens until the test ends. */
export async function openFront(t: Pick<Test, 'teardown'>, facts: FrontFacts): Promise<TestFront> {
  const functions = { fn: { guest: facts.guest } };
  const dispatch = new TestDispatch(functions);
  const registry = testRegistry(functions);
  const plain = registry.target('fn');
  const target: Target = {
    ...plain,
    deployment: {
      ...plain.deployment,
      bindings: [{ name: 'AUTH', kind: 'auth', config: undefined }],
      access: facts.access ?? [],
      routes: facts.routes ?? [],
    },
  };
  const grant = (): never => {
    throw new Error('nobody asks for a grant here');
  };
  const auth: Binding = {
    kind: 'auth',
    parse: (config) => config,
    attach: () => ({ grant, identify, ...facts.attachment }),
  };
  const failures: string[] = [];
  let ids = 0;
  const front = createFront({
    dispatch,
    attachments: new Attachments({ bindings: new Map([['auth', auth]]), runtime: () => ({ grant }) }),
    ...(facts.assets === undefined ? {} : { assets: () => facts.assets }),
    nextId: () => `00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`,
    failed: (error, what) => failures.push(`${what}: ${String(error)}`),
  });
  const match = (hostname: string, path: string): ReturnType<typeof registry.match> => {
    const found = registry.match(hostname, path);
    return found === undefined ? undefined : { ...found, target };
  };
  const gateway = createGateway({
    registry: { match },
    dispatch: front,
    log: ({ message }) => failures.push(message),
  });
  const listener = await listenHttp(gateway, { port: 0 });
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.close();
    await listener.close({ graceMs: 0 });
  });
  return {
    front,
    dispatch,
    target,
    url: listener.url,
    failures,
    client: () => {
      const client = new RawClient(listener.port);
      clients.push(client);
      return client;
    },
  };
}
