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

const readBytes: number = 64 * 1024;
/** What is longer is given away with the memory it was read into, what is shorter as a copy. */
const longestCopied: number = 8 * 1024;

/**
 * The channel's descriptor, read into memory of our own: as a stream each read would take 64 KB anew and pass through the
 * stream's queue (bench: kv, get; a tenth of 64 at once).
 */
class SocketPipe implements Pipe {
  #socket: Socket | undefined;
  #memory: Buffer = Buffer.allocUnsafeSlow(readBytes);

  write(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  listen(listener: PipeListener): void {
    const callback = (length: number): boolean => {
      listener.data(this.#take(length));
      return true;
    };
    const onread = { buffer: () => this.#memory, callback };
    const socket = new Socket({ fd: channelDescriptor, readable: true, writable: true, onread });
    socket.on('error', () => listener.closed());
    socket.on('close', () => listener.closed());
    socket.on('end', () => listener.closed());
    // Nothing comes this way but the end, which a stream says only when it is read.
    socket.resume();
    this.#socket = socket;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #take(length: number): Buffer {
    const read = this.#memory.subarray(0, length);
    if (length <= longestCopied) return Buffer.from(read);
    this.#memory = Buffer.allocUnsafeSlow(readBytes);
    return read;
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
const cell: Cell = new Cell(new SocketPipe(), { exit, sealed });
process.on('uncaughtException', (error) => {
  process.stderr.write(`cell: ${error.stack ?? error.message}\n`);
  exit();
});
process.on('unhandledRejection', (error) => {
  process.stderr.write(`cell: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  exit();
});
void cell;
