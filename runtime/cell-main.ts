import { Socket } from 'node:net';
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { Cell } from './cell.ts';
import type { Pipe, PipeListener } from './channel.ts';

/**
 * Program of a cell process. Started by the host (host/cells/process.ts) with no environment, no arguments of use, and
 * the channel as descriptor 3; everything it will ever read from disk is read before its first
 * guest comes.
 */
const channelDescriptor = 3;
/** Of a WebAssembly computation that can be suspended; V8's own default is 984. See guest/README.md. */
const wasmStackKb = 160;

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

/** At once, whatever threads are stuck in guest code: only SIGKILL does not wait for them. */
function exit(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** With the right to read its own package gone, a cell has no disk at all. Early releases of Node 24 cannot drop it. */
function sealed(): void {
  if ('drop' in process.permission) process.permission.drop('fs');
}

setFlagsFromString(`--wasm-stack-switching-stack-size=${wasmStackKb}`);
const socket = new Socket({ fd: channelDescriptor, readable: true, writable: true });
const cell: Cell = new Cell(new SocketPipe(socket), { exit, sealed });
process.on('uncaughtException', (error) => {
  process.stderr.write(`cell: ${error.stack ?? error.message}\n`);
  exit();
});
process.on('unhandledRejection', (error) => {
  process.stderr.write(`cell: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  exit();
});
void cell;
