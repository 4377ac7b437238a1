import { createAdmin } from '#host/admin/app.ts';
import { serveAdmin } from '#host/admin/serve.ts';
import type { AdminServer } from '#host/admin/serve.ts';
import { MemoryHost } from './memory-host.ts';

export const token = 'test-token-0123456789';

export interface TestAdmin {
  readonly host: MemoryHost;
  readonly server: AdminServer;
  /** Calls the server with the token; `body` of another type than text or bytes is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

/** The admin API over a memory host on a free port; closed when the test ends. */
export async function startAdmin(t: { teardown(fn: () => Promise<void>): void }): Promise<TestAdmin> {
  const host = new MemoryHost();
  const server = await serveAdmin(createAdmin({ host, token, version: '0.0.0' }), { port: 0 });
  t.teardown(async () => {
    await host.close();
    await server.close(100);
  });
  const call: TestAdmin['call'] = (method, path, body, headers = {}) => {
    const raw =
      typeof body === 'string' || body instanceof Uint8Array
        ? (body as string | Uint8Array<ArrayBuffer>)
        : undefined;
    return fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body: raw ?? JSON.stringify(body) }),
    });
  };
  return { host, server, call };
}

/** Deploys one CommonJS file under `name`. */
export async function deploy(admin: TestAdmin, name: string, source: string): Promise<void> {
  const response = await admin.call('POST', `/v1/functions/${name}/deployments`, {
    files: { 'index.js': source },
  });
  if (response.status !== 201) throw new Error(await response.text());
}
