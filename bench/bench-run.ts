import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostOptions } from '#host/host.ts';
import type { Scale } from './options.ts';
import { Program, type ProgramOptions } from './programs.ts';

/** What each part of the bench is handed: how much to do, where, and with what. Owns its programs and its folder. */
export class BenchRun {
  readonly scale: Scale;
  readonly pin: boolean;
  readonly progress: (line: string) => void;
  readonly #folder: string;
  readonly #open: Set<Program> = new Set();
  #next = 1;

  static async open(options: {
    readonly scale: Scale;
    readonly pin: boolean;
    readonly progress: (line: string) => void;
  }): Promise<BenchRun> {
    return new BenchRun(options, await mkdtemp(join(tmpdir(), 'islet-bench-')));
  }

  private constructor(
    options: { readonly scale: Scale; readonly pin: boolean; readonly progress: (line: string) => void },
    folder: string,
  ) {
    this.scale = options.scale;
    this.pin = options.pin;
    this.progress = options.progress;
    this.#folder = folder;
  }

  program(name: string, options: ProgramOptions): Program {
    const program = Program.open(name, { ...options, pin: this.pin });
    this.#open.add(program);
    return program;
  }

  /** An empty folder for a data directory; removed with the run. */
  async folder(): Promise<string> {
    const folder = join(this.#folder, String(this.#next++));
    await mkdir(folder);
    return folder;
  }

  /** A program with a host in it, on one cell and a fresh data directory unless told otherwise. */
  async islet(options: HostOptions = {}): Promise<{ program: Program; port: number; dir: string }> {
    const program = this.program('islet-server', { place: 'server' });
    const dir = options.dir ?? (await this.folder());
    const { port } = await program.call<{ port: number }>('open', { cells: 1, ...options, dir });
    return { program, port, dir };
  }

  async stop(...programs: readonly Program[]): Promise<void> {
    for (const program of programs) {
      await program.close();
      this.#open.delete(program);
    }
  }

  async close(): Promise<void> {
    await this.stop(...this.#open);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A GET as the load generator sends it. */
export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;
}

/** The same with the headers of a browser that opens a page. */
export function getAsBrowser(path: string): string {
  const headers = [
    'host: 127.0.0.1',
    'connection: keep-alive',
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    'sec-ch-ua-mobile: ?0',
    'sec-ch-ua-platform: "Linux"',
    'upgrade-insecure-requests: 1',
    'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
    'sec-fetch-site: none',
    'sec-fetch-mode: navigate',
    'sec-fetch-user: ?1',
    'sec-fetch-dest: document',
    'accept-encoding: gzip, deflate, br, zstd',
    'accept-language: en-GB,en;q=0.9,de;q=0.8',
    'cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark',
  ];
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

export function post(path: string, body: string): string {
  const length = Buffer.byteLength(body);
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`;
}
