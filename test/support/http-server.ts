import type { Test } from 'tap';
import { createGateway } from '#host/http/gateway.ts';
import { listenHttp } from '#host/http/server.ts';
import type { HttpListener } from '#host/http/server.ts';
import { TestDispatch, testRegistry } from './http-dispatch.ts';
import type { Guest, TestFunction } from './http-dispatch.ts';
import { RawClient } from './raw-client.ts';

export interface TestServer {
  readonly dispatch: TestDispatch;
  readonly listener: HttpListener;
  /** A new connection, closed with the test. */
  readonly client: () => RawClient;
  /** Errors the gateway logged. */
  readonly logged: string[];
}

/** A gateway over functions of the test, listening on a free port until the test ends. */
export async function serve(
  t: Pick<Test, 'teardown'>,
  functions: Readonly<Record<string, TestFunction | Guest>>,
  options: { readonly trustProxy?: boolean; readonly plain?: boolean } = {},
): Promise<TestServer> {
  const table: Record<string, TestFunction> = {};
  for (const [name, fn] of Object.entries(functions))
    table[name] = typeof fn === 'function' ? { guest: fn } : fn;
  const dispatch = new TestDispatch(table);
  const logged: string[] = [];
  const gateway = createGateway({
    registry: testRegistry(table),
    dispatch,
    log: (line) => logged.push(line.message),
    ...options,
  });
  const { plain = true } = options;
  const listener = await listenHttp(gateway, { port: 0, plain });
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.close();
    await listener.close({ graceMs: 0 });
  });
  const client = (): RawClient => {
    const made = new RawClient(listener.port);
    clients.push(made);
    return made;
  };
  return { dispatch, listener, client, logged };
}
