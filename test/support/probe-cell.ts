/**
 * The program of a cell (runtime/cell-main.ts), which tries what a cell may not do once a line comes on stdin: one line
 * of JSON on stdout, code by attempt, `allowed` where nothing stopped it. Started with the flags of a cell. To listen on a port is not among them:
 * Node refuses that with an error nobody can catch, which ends the cell.
 */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
// oxlint-disable-next-line import/no-unassigned-import -- a program
import '#runtime/cell-main.ts';

type Attempt = () => unknown;

const own = fileURLToPath(import.meta.url);
const attempts: Readonly<Record<string, Attempt>> = {
  'read its own source': () => readFileSync(own),
  'read /etc/passwd': () => readFileSync('/etc/passwd'),
  'list /': () => readdirSync('/'),
  'write a file': () => writeFileSync('/tmp/islet-cell-wrote-this', ''),
  'start a program': () => spawnSync(process.execPath, ['--version']).error,
  'start a thread': () => new Worker('0', { eval: true }),
  connect: () => failureOf(connect(1, '127.0.0.1')),
  'send a datagram': () =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      socket.on('error', resolve).send('x', 1, '127.0.0.1', () => resolve(undefined));
    }),
  'resolve a name': () =>
    new Promise((resolve) => {
      lookup('localhost', resolve);
    }),
};

process.stdin.once('data', () => {
  void report();
});

async function report(): Promise<void> {
  const codes: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(attempts)) codes[name] = await codeOf(attempt);
  process.stdout.write(`${JSON.stringify(codes)}\n`);
}

async function codeOf(attempt: Attempt): Promise<string> {
  try {
    return nameOf(await attempt());
  } catch (error) {
    return nameOf(error);
  }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'allowed';
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

/** The error it comes to, undefined when it gets through. */
function failureOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.on('error', resolve);
    socket.on('connect', () => resolve(undefined));
  });
}
