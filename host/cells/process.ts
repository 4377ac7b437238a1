import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Pipe, PipeListener } from '#runtime/channel.ts';
import { addonPath, prebuildNames } from '#runtime/wasm/addon.ts';

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
/** A cell that leaves more than this unread has stopped reading, and is given up: two of the longest frames. */
const mostUnread = 512 * 2 ** 20;

/** Node's flags for a cell: nothing of the machine but what it loads while it starts. */
export function cellFlags(): readonly string[] {
  return [
    '--no-node-snapshot',
    '--permission',
    '--allow-addons',
    ...readable().map((folder) => `--allow-fs-read=${folder}`),
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
  ];
}

/** True when this Node's permission model covers the network (25 and newer): below that, cells are L0. */
export function deniesNetwork(): boolean {
  return process.allowedNodeEnvironmentFlags.has('--allow-net');
}

/** True when there is a file of the WebAssembly addon for this platform; whether it loads is seen in a cell. */
export function isAddonThere(): boolean {
  return prebuildNames().some((name) => existsSync(addonPath(name)));
}

/** This package and what a cell loads of others; it drops the right to read them before its first guest. */
function readable(): readonly string[] {
  const islet = fileURLToPath(new URL('../../', import.meta.url));
  const addon = packageFolders(islet, 'isolated-vm');
  const loader = packageFolders(addon.at(-1) ?? islet, 'node-gyp-build');
  const cache = packageFolders(islet, 'lru-cache');
  // Of a clone; what is published carries what it needs of it.
  const codecs = packageFolders(islet, '@exodus/bytes');
  // node-gyp-build looks for Alpine, to tell musl from glibc.
  return [islet, realpathSync(islet), ...addon, ...loader, ...cache, ...codecs, '/etc/alpine-release'];
}

/** Where a package lies as seen from a folder: by its name in node_modules and, behind links, in truth. */
function packageFolders(from: string, name: string): readonly string[] {
  for (let folder = from; ; folder = dirname(folder)) {
    const named = join(folder, 'node_modules', name);
    if (existsSync(named)) return [named, realpathSync(named)];
    if (dirname(folder) === folder) return [];
  }
}

/**
 * Starts a cell: no environment, no disk, no network, no children, one inherited socket. It ends when its end of the
 * socket closes, so it never outlives the host. Throws when the process cannot be started at all.
 */
export function spawnCell(): CellProcess {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`../../runtime/cell-main.${extension}`, import.meta.url));
  const child = spawn(process.execPath, [...cellFlags(), program], {
    cwd: '/',
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
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
    if (this.#socket.writableLength > mostUnread) this.#socket.destroy();
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
