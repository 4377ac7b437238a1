// oxlint-disable-next-line import/no-unassigned-import -- it acts by being loaded
import '#test/support/plain-spawn.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { createHost } from '#host/index.ts';
import type { Host, HostLogLine, HostOptions, VersionInfo } from '#host/host.ts';
import { RawClient } from './raw-client.ts';

/** One response, as `request` reads it: header names in lower case, each with all its values. */
export interface TestResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
}

export interface TestRequest {
  readonly method?: string;
  /** Host header; default: the address. */
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A real host on a free port, with a data directory of its own. */
export interface TestHost {
  readonly host: Host;
  readonly dir: string;
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  /** What the host told its operator. */
  readonly log: readonly HostLogLine[];
  /** Deploys one file: `source` as index.js, under `name`. */
  deploy(name: string, source: string, manifest?: Readonly<Record<string, unknown>>): Promise<VersionInfo>;
  /** Deploys a file of test/guests/ under `name`. */
  deployGuest(name: string, file: string, manifest?: Readonly<Record<string, unknown>>): Promise<VersionInfo>;
  request(path: string, options?: TestRequest): Promise<TestResponse>;
  /** A new raw connection; closed with the test. */
  client(): RawClient;
  /** Closes this one and opens another on the same directory. */
  restart(): Promise<TestHost>;
}

type TestLife = Pick<Test, 'teardown'>;

/** Opens a host in a temporary directory and listens on free ports; all of it goes with the test. */
export async function openTestHost(t: TestLife, options: HostOptions = {}): Promise<TestHost> {
  const dir = options.dir ?? (await temporaryDir(t));
  const log: HostLogLine[] = [];
  const host = await createHost({ cells: 1, ...options, dir, log: (line) => log.push(line) });
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.close();
    await host.close();
  });
  const { url, adminUrl = '' } = await host.listen({ port: 0, adminPort: 0 });
  const port = Number(new URL(url).port);
  return {
    host,
    dir,
    url,
    port,
    adminUrl,
    log,
    deploy: (name, source, manifest = {}) =>
      host.deploy({ files: { 'index.js': source } }, { name, manifest }),
    deployGuest: (name, file, manifest = {}) =>
      host.deploy(join(import.meta.dirname, '../guests', file), { name, manifest }),
    request: (path, sent) => request(port, path, sent),
    client: () => {
      const client = new RawClient(port);
      clients.push(client);
      return client;
    },
    restart: async () => {
      await host.close();
      return openTestHost(t, { ...options, dir });
    },
  };
}

/** A directory that goes when the test does, after everything opened later in it was closed. */
export async function temporaryDir(t: TestLife): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'islet-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/** One request on a connection of its own, the whole body read. Rejects when the connection breaks. */
export function request(port: number, path: string, options: TestRequest = {}): Promise<TestResponse> {
  const { method = 'GET', host, headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        port,
        host: '127.0.0.1',
        path,
        method,
        agent: false,
        headers: { ...headers, ...(host === undefined ? {} : { host }) },
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const whole = Buffer.concat(pieces);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headersDistinct,
            body: whole,
            text: whole.toString(),
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Polls until `check` gives something; rejects after `patienceMs` and says what it waited for. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | false | undefined> | T | false | undefined,
  patienceMs: number = 20_000,
): Promise<T> {
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(20)) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`Waited ${patienceMs} ms in vain: ${what}`);
}

/** True while a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
