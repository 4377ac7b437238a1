import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostError } from '#host/index.ts';
import type { Host } from '#host/host.ts';
import { variantName } from './checkout.ts';
import type { Variant } from './checkout.ts';
import { fileTest, toSubtests } from './result.ts';
import type { Result, Subtest } from './result.ts';

export interface LaneOptions {
  readonly host: Host;
  /** Root of the checkout. */
  readonly root: string;
  /** Where the tests' server is; undefined: it has none, and scripts are read as they are. */
  readonly origin: string | undefined;
  /** Addresses that tests may fetch, `host:port`. */
  readonly addresses: readonly string[];
  /** Of a test that does not say it is long, in ms; testharness.js has 10 s. */
  readonly waitMs: number;
}

/** How much longer a long test may take; testharness.js has 60 s for them. */
const longFactor = 6;
/** From the runner's own end of waiting to the host's: time to answer. */
const graceMs = 3_000;
const memoryMb = 512;
const mostTries = 5;
/** Read where there is no server: nothing is fetched then. */
const nowhere = 'http://web-platform.test:8000';

/**
 * Runs variants one after the other, each in a version of its own of one function: a fresh isolate, limits of its own. A
 * lane has a cordon, and with it a process, of its own: a test that ends it takes no other with it.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #name: string;
  readonly #runner: Promise<string>;
  #runs = 0;

  constructor(options: LaneOptions, name: string) {
    this.#options = options;
    this.#name = name;
    this.#runner = readFile(join(import.meta.dirname, '../guests/wpt/runner.js'), 'utf8');
  }

  /** Never rejects for what the test does; what it does to its function is a failure of the file. */
  async run(variant: Variant): Promise<Result> {
    const { waitMs: base } = this.#options;
    const waitMs = variant.metadata.isLong ? base * longFactor : base;
    await this.#deploy(waitMs);
    const began = performance.now();
    const subtests = await this.#call(variant, waitMs).catch((error: unknown) => [
      { name: fileTest, status: 'NOTRUN', message: describe(error) },
    ]);
    return { variant, subtests, wallMs: performance.now() - began };
  }

  async #deploy(waitMs: number): Promise<void> {
    const { host, addresses } = this.#options;
    this.#runs++;
    const manifest = {
      cordon: this.#name,
      allow: ['eval', 'runningClock', 'sharedArrayBuffer'],
      limits: {
        memoryMb,
        cpuMs: waitMs,
        wallMs: waitMs + graceMs,
        startupCpuMs: 10_000,
        subrequests: 10_000,
        logBytes: 16 * 2 ** 20,
      },
      vars: { RUN: String(this.#runs) },
      egress: { private: addresses, connections: 512 },
    };
    const source = { files: { 'index.js': await this.#runner } };
    for (let tries = 1; ; tries++) {
      try {
        await host.deploy(source, { name: this.#name, manifest });
        return;
      } catch (error) {
        // The test before may have taken the cell with it, and the next one is on its way.
        const isLost = error instanceof HostError && error.code === 'ERR_DEPLOY_FAILED';
        if (!isLost || tries === mostTries) throw error;
        await sleep(tries * 500);
      }
    }
  }

  async #call(variant: Variant, waitMs: number): Promise<readonly Subtest[]> {
    const { host, origin = nowhere } = this.#options;
    const url = `${origin}/${variant.path.replace(/\.js$/, '.worker.js')}${variant.query}`;
    const body = JSON.stringify({ scripts: await this.#scripts(variant), url, waitMs });
    const request = new Request(`http://${this.#name}.localhost/`, { method: 'POST', body });
    const response = await host.fetch(this.#name, request);
    const text = await response.text();
    try {
      const answer = JSON.parse(text) as { readonly error?: { readonly code: string } };
      if (response.status === 200) return toSubtests(answer);
      return [{ name: fileTest, status: 'ENDED', message: answer.error?.code ?? text }];
    } catch {
      return [{ name: fileTest, status: 'ENDED', message: text.slice(0, 300) }];
    }
  }

  async #scripts(variant: Variant): Promise<readonly { readonly name: string; readonly source: string }[]> {
    const own = variantName({ path: variant.path, query: '' });
    const paths = ['/resources/testharness.js', ...variant.metadata.scripts, `/${own}`];
    return await Promise.all(
      paths.map(async (path) => {
        const name = posix.resolve('/', posix.dirname(own), path);
        return { name, source: await this.#read(name) };
      }),
    );
  }

  /** Templates are filled in by the server, and some files are there under its names only. */
  async #read(name: string): Promise<string> {
    const { root, origin } = this.#options;
    const isTemplate = name.includes('.sub.');
    if (origin === undefined || (!isTemplate && existsSync(join(root, name))))
      return await readFile(join(root, name), 'utf8');
    const response = await fetch(origin + name);
    if (!response.ok) throw new Error(`the tests' server answers ${response.status} for ${name}`);
    return await response.text();
  }
}

function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause === undefined ? message : `${message}: ${(cause as Error).message}`;
}
