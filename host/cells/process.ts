import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Pipe, PipeListener } from '#runtime/channel.ts';

/** A cell process as the host holds it. */
export interface CellProcess {
  readonly pid: number;
  readonly pipe: Pipe;
  /** SIGKILL; the pipe closes by it. */
  kill(): void;
  /** What it wrote to stderr, the last 4 KB: V8's last words when it dies. */
  lastWords(): string;
}

const keptBytes = 4096;

/** Folders a cell may read while it starts: this package and what it loads; it drops the right before its first guest. */
function readable(): readonly string[] {
  const own = createRequire(import.meta.url);
  const addon = packageFolder(own, 'isolated-vm');
  const loader = packageFolder(createRequire(join(addon, 'package.json')), 'node-gyp-build');
  const islet = fileURLToPath(new URL('../../', import.meta.url));
  // node-gyp-build looks for Alpine, to tell musl from glibc.
  return [islet, addon, loader, packageFolder(own, 'lru-cache'), '/etc/alpine-release'];
}

/** Where a package lies: the folder above its main file that goes by its name. */
function packageFolder(require: NodeJS.Require, name: string): string {
  let folder = dirname(require.resolve(name));
  while (basename(folder) !== name && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/**
 * Starts a cell: no environment, no disk, no network, no children, one inherited socket. It ends when its end of the
 * socket closes, so it never outlives the host. Throws when the process cannot be started at all.
 */
export function spawnCell(): CellProcess {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`../../runtime/cell-main.${extension}`, import.meta.url));
  const child = spawn(
    process.execPath,
    [
      '--no-node-snapshot',
      '--permission',
      '--allow-addons',
      ...readable().map((folder) => `--allow-fs-read=${folder}`),
      '--disable-warning=SecurityWarning',
      '--disable-warning=ExperimentalWarning',
      program,
    ],
    { cwd: '/', env: {}, stdio: ['ignore', 'ignore', 'pipe', 'pipe'], windowsHide: true },
  );
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-keptBytes);
  });
  child.on('error', () => undefined);
  return {
    pid: child.pid ?? 0,
    pipe: new SocketPipe(child.stdio[3] as Socket),
    kill: () => void child.kill('SIGKILL'),
    lastWords: () => words.trim(),
  };
}

class SocketPipe implements Pipe {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  listen(listener: PipeListener): void {
    this.#socket.on('data', (bytes: Buffer) => listener.data(bytes));
    this.#socket.on('error', () => listener.closed());
    this.#socket.on('close', () => listener.closed());
    this.#socket.on('end', () => listener.closed());
  }

  close(): void {
    this.#socket.destroy();
  }
}
