import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { openTestHost } from './host.ts';
import type { TestHost } from './host.ts';
import { guestOrSkip } from './wasm-guests.ts';
import type { WasmGuest } from './wasm-guests.ts';

/** A host with one guest deployed under `name`. */
export type Deployed = TestHost & { readonly name: string };

/** The KV namespace that `env.KV` of these guests is. */
export const namespace = 'languages';
const vars = { GREETING: 'hé' };
const bindings = { KV: { kind: 'kv', namespace } };
/** Upstreams of the tests. */
const egress = { private: ['127.0.0.1'] };
const limits = { cpuMs: 10_000, startupCpuMs: 5000, bundleBytes: 20_000_000 };
const large = Buffer.alloc(2 ** 20, 'abcdefg');

/** Deploys the guest with room to spare, a var GREETING, a binding KV and loopback to fetch from; undefined after a skip with the reason. */
export async function openDeployed(
  t: Test,
  guest: WasmGuest,
  manifest: Readonly<Record<string, unknown>> = {},
): Promise<Deployed | undefined> {
  const file = await guestOrSkip(t, guest);
  if (file === undefined) return undefined;
  const test = await openTestHost(t);
  const name = guest.replaceAll(/[^a-z0-9]/g, '-');
  await test.host.deploy(file, { name, manifest: { vars, bindings, limits, egress, ...manifest } });
  return { ...test, name };
}

/** What the function logged so far: level and message. */
export async function linesOf({ host, name }: Deployed): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { level, message } of host.logs({ function: name, tail: 100 }))
    lines.push(`${level} ${message}`);
  return lines;
}

/** What the host sees under the key. */
export async function stored({ host }: TestHost, key: string): Promise<string> {
  return Buffer.from((await host.kv.get(namespace, key))?.value ?? []).toString();
}

/** A megabyte comes back as it went. */
export async function echoes(t: Test, { request, name }: Deployed, path: string): Promise<void> {
  const { body } = await request(`/${name}${path}`, { method: 'POST', body: large });
  t.ok(body.equals(large), '1 MB in and out again');
}

/** A piece is answered before the next one is sent. */
export async function streams(t: Test, test: Deployed, path: string): Promise<void> {
  const client = test.client();
  client.send(`POST /${test.name}${path} HTTP/1.1`, 'host: x', 'transfer-encoding: chunked');
  client.write('5', 'first', '');
  t.match(await client.until('first'), /^HTTP\/1\.1 200 /, 'an answer before the request is complete');
  client.write('6', 'second', '0', '', '');
  await client.until('second');
  await echoes(t, test, path);
}

/** A server that answers 203 with method, path and body; gives its address. */
export async function openUpstream(t: Pick<Test, 'teardown'>): Promise<string> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      text += piece;
    });
    request.on('end', () => {
      response.writeHead(203, { 'x-upstream': 'yes' });
      response.end(`${request.method} ${request.url} ${text}`);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
