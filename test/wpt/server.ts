import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The tests' own server: handlers in Python, templates, WebSockets. */
export interface WptServer extends AsyncDisposable {
  /** e.g. http://localhost:4711 */
  readonly origin: string;
  /** Addresses that functions have to reach, `host:port`. */
  readonly addresses: readonly string[];
}

const patienceMs = 30_000;
const graceMs = 5_000;

/**
 * Starts wptserve of a checkout on free ports of the loopback; undefined where the checkout has none. Names are
 * `localhost` and, as another site, `127.0.0.1`: no file of the machine has to change. Rejects when Python is missing or the server does
 * not come up.
 */
export async function openServer(root: string): Promise<WptServer | undefined> {
  const script = await stat(join(root, 'tools/serve/serve.py')).catch(() => undefined);
  if (script === undefined) return undefined;
  const ports = await freePorts(7);
  const [http = 0, other = 0, ws = 0] = ports;
  const dir = await mkdtemp(join(tmpdir(), 'islet-wpt-'));
  const config = join(dir, 'config.json');
  await writeFile(config, JSON.stringify(toConfig(root, ports)));
  const child = spawn('python3', [join(import.meta.dirname, 'serve.py'), '--config', config], {
    cwd: root,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = keepOutput(child);
  const close = async (): Promise<void> => {
    await end(child);
    await rm(dir, { recursive: true, force: true });
  };
  const origin = `http://localhost:${http}`;
  try {
    await untilAnswers(child, `${origin}/resources/testharness.js`);
  } catch (cause) {
    await close();
    throw new Error(`Cannot start the tests' server: ${said()}`, { cause });
  }
  const addresses = ['localhost', '127.0.0.1'].flatMap((host) =>
    [http, other, ws].map((port) => `${host}:${port}`),
  );
  return { origin, addresses, [Symbol.asyncDispose]: close };
}

/**
 * Servers for TLS run although no test of ours reaches them: without them their ports are missing in templates, and the
 * templates break. null: a scheme without a server.
 */
function toConfig(root: string, [http, other, ws, https, https2, wss, h2]: readonly number[]): unknown {
  const certs = join(root, 'tools/certs');
  return {
    browser_host: 'localhost',
    alternate_hosts: { alt: '127.0.0.1' },
    server_host: '127.0.0.1',
    check_subdomains: false,
    bind_address: true,
    ssl: {
      type: 'pregenerated',
      pregenerated: {
        host_key_path: join(certs, 'web-platform.test.key'),
        host_cert_path: join(certs, 'web-platform.test.pem'),
      },
    },
    logging: { level: 'warning' },
    ports: {
      http: [http, other],
      https: [https, https2],
      ws: [ws],
      wss: [wss],
      h2: [h2],
      'http-private': [null],
      'http-public': [null],
      'https-private': [null],
      'https-public': [null],
    },
  };
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}

function keepOutput(child: ChildProcess): () => string {
  let text = '';
  const keep = (piece: Buffer): void => {
    text = (text + piece.toString()).slice(-2000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  return () => text;
}

async function untilAnswers(child: ChildProcess, url: string): Promise<void> {
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(100)) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error('it ended');
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
  }
  throw new Error(`it did not answer within ${patienceMs} ms`);
}

/** Interrupted, it ends the processes it started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const closed = once(child, 'exit');
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await closed;
  clearTimeout(timer);
}
