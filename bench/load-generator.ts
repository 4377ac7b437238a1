import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Histogram, type Spread } from './histogram.ts';
import { serveTasks } from './tasks.ts';

/** What to send, and for how long. The request is written as it is, over and over, on keep-alive connections. */
export interface LoadPlan {
  readonly port: number;
  /** A whole HTTP/1.1 request, as latin1 text. `counter` in it becomes a number that counts: no request is as one before. */
  readonly request: string;
  readonly connections: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly requests: number;
  /** Answers with a status other than 200, and connections that broke. */
  readonly errors: number;
  readonly latencyMs: Spread;
}

/** Stands in a request for its number. */
export const counter = '########';

const headEnd = Buffer.from('\r\n\r\n');
const lengthName = Buffer.from('ength: ');
const none = Buffer.alloc(0);

/** One keep-alive connection with one request under way at a time. Reads no more of an answer than where it ends. */
class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #done: (micros: number, status: number) => void;
  #sentAt = 0;
  #rest: Buffer = none;
  #left = 0;
  #status = 0;

  /** `done` hears of every answer; it may `send` again. */
  constructor(socket: Socket, request: Buffer, done: (micros: number, status: number) => void) {
    this.#socket = socket;
    this.#request = request;
    this.#done = done;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  send(): void {
    this.#sentAt = performance.now();
    this.#socket.write(this.#request);
  }

  #read(bytes: Buffer): void {
    if (this.#left > 0) {
      this.#left -= bytes.length;
      if (this.#left <= 0) this.#answered();
      return;
    }
    const chunk = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const end = chunk.indexOf(headEnd);
    if (end < 0) {
      this.#rest = chunk;
      return;
    }
    this.#rest = none;
    this.#status = toNumber(chunk, 'HTTP/1.1 '.length);
    const at = chunk.indexOf(lengthName);
    if (at < 0 || at > end) throw new Error('The load generator reads only answers with a content-length');
    this.#left = end + 4 + toNumber(chunk, at + lengthName.length) - chunk.length;
    if (this.#left <= 0) this.#answered();
  }

  #answered(): void {
    this.#left = 0;
    this.#done((performance.now() - this.#sentAt) * 1000, this.#status);
  }
}

/** The decimal digits at `from`. */
function toNumber(bytes: Buffer, from: number): number {
  let number = 0;
  for (let at = from; ; at++) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return number;
    number = number * 10 + digit;
  }
}

/** A request of its own for each connection, and what writes the next number into it. */
function numbered(request: Buffer): { readonly bytes: Buffer; readonly count: () => void } {
  const at = request.indexOf(counter);
  if (at < 0) return { bytes: request, count: () => undefined };
  const bytes = Buffer.from(request);
  const count = (): void => {
    next++;
    for (let digit = counter.length - 1, rest = next; digit >= 0; digit--, rest = Math.trunc(rest / 10))
      bytes[at + digit] = 48 + (rest % 10);
  };
  count();
  return { bytes, count };
}

let next = 0;

/** Keeps `connections` requests under way from the start of the warm-up to the end of the measurement. */
async function run(plan: LoadPlan): Promise<LoadResult> {
  const request = Buffer.from(plan.request, 'latin1');
  const sockets = await Promise.all(Array.from({ length: plan.connections }, () => openSocket(plan.port)));
  const histogram = new Histogram();
  const from = performance.now() + plan.warmupMs;
  const to = from + plan.measureMs;
  let errors = 0;
  const closed = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        socket.on('error', () => errors++);
        socket.on('close', () => resolve());
        const { bytes, count } = numbered(request);
        const connection = new Connection(socket, bytes, (micros, status) => {
          const now = performance.now();
          if (now >= to) {
            socket.destroy();
            return;
          }
          if (status !== 200) errors++;
          else if (now >= from) histogram.add(micros);
          count();
          connection.send();
        });
        connection.send();
      }),
  );
  await Promise.all(closed);
  return {
    requestsPerSecond: histogram.count / Math.max(0.001, plan.measureMs / 1000),
    requests: histogram.count,
    errors,
    latencyMs: histogram.spreadMs(),
  };
}

export interface OncePlan {
  readonly port: number;
  readonly request: string;
}

export interface OnceResult {
  readonly ms: number;
}

/** By port. */
const kept: Map<number, Socket> = new Map();

/** One request on a connection that stays open between calls; ms from the write to the whole answer. */
async function once(plan: OncePlan): Promise<OnceResult> {
  let socket = kept.get(plan.port);
  if (socket === undefined) {
    socket = await openSocket(plan.port);
    socket.on('error', () => undefined);
    socket.on('close', () => kept.delete(plan.port));
    kept.set(plan.port, socket);
  }
  const open = socket;
  return await new Promise((resolve, reject) => {
    const broken = (): void => reject(new Error('The connection broke before the answer came'));
    open.once('close', broken);
    const connection = new Connection(open, Buffer.from(plan.request, 'latin1'), (micros, status) => {
      open.off('close', broken);
      open.removeAllListeners('data');
      if (status === 200) return resolve({ ms: micros / 1000 });
      return reject(new Error(`The answer has status ${status}`));
    });
    connection.send();
  });
}

export interface StreamPlan {
  readonly port: number;
  readonly path: string;
  readonly bytes: number;
}

/** Sends a body of zeros as fast as it is taken and reads what comes back; ms until all of it has. */
function stream({ port, path, bytes }: StreamPlan): Promise<number> {
  const piece = Buffer.alloc(64 * 1024);
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const call = request({ port, path, host: '127.0.0.1', method: 'POST', agent: false }, (response) => {
      let got = 0;
      response.on('data', (part: Buffer) => (got += part.length));
      response.on('error', reject);
      response.on('end', () => {
        if (got === bytes && response.statusCode === 200) return resolve(performance.now() - began);
        return reject(new Error(`${got} of ${bytes} bytes came back, with status ${response.statusCode}`));
      });
    });
    call.on('error', reject);
    let left = bytes;
    const more = (): void => {
      while (left > 0) {
        const part = left >= piece.length ? piece : piece.subarray(0, left);
        left -= part.length;
        if (!call.write(part)) {
          call.once('drain', more);
          return;
        }
      }
      call.end();
    };
    more();
  });
}

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

serveTasks({ run, once, stream });
