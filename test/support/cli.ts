import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCli } from '#host/cli/run.ts';
import { Terminal } from '#host/cli/terminal.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, on streams that are no terminals. */
export async function cli(
  argv: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin?: string | Uint8Array;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Ran> {
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? '');
  const [stdout, stderr] = [new Sink(), new Sink()];
  const terminal = new Terminal({ stdin: stdin as unknown as NodeJS.ReadStream, stdout, stderr });
  const code = await runCli(argv, {
    terminal,
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
    version: '9.9.9',
    signal: options.signal ?? new AbortController().signal,
  });
  return { code, out: stdout.text(), err: stderr.text() };
}

const bin = fileURLToPath(new URL('../../host/cli/bin.js', import.meta.url));

/** The command as a process of its own; what it prints is gathered. */
export class CliProcess {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly #closed: Promise<unknown>;

  constructor(
    argv: readonly string[],
    options: {
      readonly cwd: string;
      readonly node?: string;
      readonly env?: Readonly<Record<string, string>>;
    },
  ) {
    // Through env(1): the test runner puts itself into the NODE_OPTIONS of every child, and a cell cannot load it.
    const dropped = ['NODE_OPTIONS', 'NO_COLOR', 'FORCE_COLOR', 'ISLET_ADMIN', 'ISLET_TOKEN'];
    const command = [
      ...dropped.flatMap((name) => ['-u', name]),
      options.node ?? process.execPath,
      bin,
      ...argv,
    ];
    this.child = spawn('/usr/bin/env', command, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (piece) => (this.out += String(piece)));
    this.child.stderr?.on('data', (piece) => (this.err += String(piece)));
    this.#closed = once(this.child, 'close');
  }

  /** Resolves to the first match in what it printed, on stdout or stderr; rejects when it ends without. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (found !== null) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended without ${String(pattern)}: ${this.out} ${this.err}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async ended(): Promise<Ran> {
    await this.#closed;
    return { code: this.child.exitCode ?? -1, out: this.out, err: this.err };
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ran> {
    this.child.kill(signal);
    return this.ended();
  }
}

class Sink extends Writable {
  readonly #pieces: Buffer[] = [];

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.#pieces.push(piece);
    done();
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString();
  }
}
