import { performance } from 'node:perf_hooks';
import type { EndReport } from '#runtime/frames.ts';
import { In, initialCredit } from '#runtime/guest/protocol.ts';
import type { LimitName } from '#runtime/limits.ts';
import type { GuestError, Outcome } from '#runtime/outcome.ts';
import type { Resident } from '../cells/cell-client.ts';
import type { Call, Handle, Sink } from '../call.ts';
import { toUsage } from '../meter.ts';
import { redactError } from '../redact.ts';
import type { HostInstance } from './host-instance.ts';
import type { InvocationOwner } from './invocation-owner.ts';
import { firstMessage, isIdempotent, KeptBody, type BodyMessage } from './messages.ts';
import { deadlineOf } from './origin.ts';
import { operationsOf } from './invocation-operations.ts';
import type { Operations } from './operations.ts';
import { AcceptedSocket } from './socket.ts';
import type { Pool } from './pool.ts';
import * as lines from './lines.ts';

/** A request that itself ends its cell must not go round for ever. */
const mostReplays = 2;
/** Instances that may go while the call is on its way to them. */
const mostReturns = 20;

/** What a guest may still do after its client went away, in ms. */
const cleanUpMs = 5000;

/** One call on its way: what its sender holds (Handle) and what its cell answers to (Resident). */
export class Invocation implements Handle, Resident {
  readonly id: string;
  readonly pool: Pool;
  readonly call: Call;
  readonly startedAt: number = performance.now();
  /** performance.now() at which the wall clock runs out. */
  deadline: number;
  readonly #owner: InvocationOwner;
  readonly #sink: Sink;
  #instance: HostInstance | undefined;
  #number = 0;
  #outcome: Outcome | undefined;
  #operations: Operations | undefined;
  #headSent = false;
  #open = false;
  /** Of a streamed body. */
  readonly #body: KeptBody | undefined;
  #replays = 0;
  #returns = 0;
  #over = false;
  #bodyStarted = false;
  #cancelled = false;
  #discarded = false;
  /** Set once its connection is a WebSocket. */
  socket: AcceptedSocket | undefined;
  /** Bytes of the streamed response that the sink holds. */
  #unconsumed = 0;
  /** Its place among all that are under way; the dispatcher's. */
  place = -1;
  cold = false;
  bytesIn = 0;
  bytesOut = 0;
  peakBytes = 0;

  constructor(owner: InvocationOwner, pool: Pool, call: Call, options: { id: string; sink: Sink }) {
    this.#owner = owner;
    this.pool = pool;
    this.call = call;
    this.id = options.id;
    this.#sink = options.sink;
    this.deadline = deadlineOf(call, this.startedAt + pool.target.deployment.limits.wallMs);
    if (call.kind === 'request' && call.streamed) this.#body = new KeptBody();
    if (call.kind === 'request') this.bytesIn = call.body?.length ?? 0;
    else this.bytesIn = Buffer.byteLength(call.event);
  }

  get over(): boolean {
    return this.#over;
  }

  get operations(): number {
    return this.#operations?.count ?? 0;
  }

  /** The instance it is placed in, from `join` to its end. */
  get instance(): HostInstance | undefined {
    return this.#instance;
  }

  join(instance: HostInstance): void {
    this.#instance = instance;
    instance.inFlight++;
  }

  /** Sends the first message; the instance has a number by now. */
  begin(instance: HostInstance): void {
    this.#number = instance.cell.take(this);
    const { call, id } = this;
    const deadline = Math.round(performance.timeOrigin + this.deadline);
    const userHeader = this.pool.target.code?.kind === 'wasm';
    const message = firstMessage(call, { number: this.#number, id, deadline, userHeader });
    const body = call.kind === 'request' ? call.body : undefined;
    instance.cell.begin(this.#number, instance.number, message, body);
    for (const { kind, rest, bytes } of this.#body?.messages ?? []) this.send(kind, rest, bytes);
    if (this.#cancelled) this.send(In.Abort, '0');
    if (instance.state === 'ready') this.ready();
  }

  /** Its instance runs: a streamed body may come. Not before, since a start may have to be made twice. */
  ready(): void {
    if (this.#bodyStarted || this.call.kind !== 'request' || !this.call.streamed) return;
    this.#bodyStarted = true;
    this.#sink.wants(initialCredit);
  }

  /** GuestLine: a later message to the guest. */
  send(kind: number, rest: string, bytes?: Uint8Array): void {
    if (this.#over || this.#number === 0) return;
    this.#instance?.cell.message(this.#number, `[${kind},${this.#number},${rest}]`, bytes);
  }

  // Handle

  write(bytes: Uint8Array): void {
    if (this.#over) return;
    this.bytesIn += bytes.length;
    if (this.socket !== undefined) return this.socket.received(bytes);
    if (this.bytesIn > this.pool.target.deployment.limits.requestBodyBytes)
      return this.exceed('requestBodyBytes');
    this.#sendBody({ kind: In.Chunk, rest: `0,0,${bytes.length}`, bytes });
  }

  end(): void {
    this.socket?.closed();
    this.#sendBody({ kind: In.End, rest: '0', bytes: undefined });
  }

  fail(message: string): void {
    this.#sendBody({ kind: In.Fail, rest: `0,${JSON.stringify(message)}`, bytes: undefined });
  }

  consumed(bytes: number): void {
    this.#unconsumed -= bytes;
    this.send(In.Credit, `1,${bytes}`);
  }

  discard(): void {
    this.#discarded = true;
    if (this.#open) this.send(In.Cancel, '1');
  }

  /** The guest hears of it and has a little time to clean up; nothing it answers goes anywhere. */
  abort(): void {
    if (this.#over || this.#cancelled) return;
    if (this.#number === 0) return this.finish({ kind: 'cancelled' });
    this.#cancelled = true;
    this.shorten(cleanUpMs);
    this.send(In.Abort, '0');
    this.send(In.Cancel, '1');
  }

  // Resident

  line(letter: string, json: string, bytes: Buffer): void {
    if (this.#over) return;
    this.#body?.seen();
    switch (letter) {
      case 'A':
      case 'H':
        return this.#head(json, bytes);
      case 'C':
        return this.#chunk(lines.parseNumbers(json)[0] ?? 0, bytes);
      case 'E':
        return this.#streamEnded(lines.parseNumbers(json)[0] ?? 0);
      case 'G': {
        const [stream, count] = lines.parseNumbers(json);
        if (stream === 0) return this.#cancelled ? undefined : this.#sink.wants(count ?? 0);
        return this.#operations?.credit(stream ?? 0, count ?? 0);
      }
      case 'O':
        this.#operations ??= operationsOf(this, this.#owner);
        return this.#operations.start(JSON.parse(json) as readonly unknown[], bytes);
      case 'X':
        return this.#operations?.cancel(lines.parseNumbers(json)[0] ?? 0);
      case 'K':
        return this.#operations?.kill(lines.parseNumbers(json)[0] ?? 0);
      case 'F':
        return this.#streamFailed(JSON.parse(json) as readonly unknown[]);
      case 'L':
        return this.#owner.log(this, ...lines.parseLog(json));
      case 'R':
        this.#outcome ??= lines.parseReturned(json);
        return;
      case 'Z':
        return this.#threw(lines.parseError(json));
      case 'N':
        this.#outcome ??= { kind: 'refused', reason: 'no-handler' };
        return;
      default:
        throw new TypeError(`line ${JSON.stringify(letter)}`);
    }
  }

  ended(end: EndReport): void {
    if (this.#over) return;
    this.peakBytes = end.peakBytes;
    if (this.#cancelled) return this.finish({ kind: 'cancelled' }, end.cpuMs);
    if (end.cause === 'instance') return this.lost('instance');
    this.#number = 0;
    if (end.cause !== 'finished') return this.exceed(end.cause, end.cpuMs);
    if (this.#open && !this.#discarded) this.#outcome = { kind: 'threw', error: lines.brokenOff };
    this.finish(this.#outcome ?? { kind: 'threw', error: lines.noAnswer }, end.cpuMs);
  }

  returned(): void {
    if (this.#over) return;
    this.#returns++;
    if (this.#headSent || this.#body?.spent === true || this.#returns > mostReturns) return this.lost();
    this.#number = 0;
    if (this.#cancelled) return this.finish({ kind: 'cancelled' });
    this.leave();
    this.#owner.place(this);
  }

  /** Its instance must be loaded again: it will be begun once more, with a new number. */
  unplaced(): void {
    if (this.#number !== 0) this.#instance?.cell.drop(this.#number);
    this.#number = 0;
  }

  /** Its cell or its instance is gone: once more elsewhere, when that can do no harm. */
  lost(cause: 'cell' | 'instance' = 'cell'): void {
    // What was never sent to a cell may be sent to the next one, whatever it is.
    const unsent = this.#number === 0;
    this.#number = 0;
    if (this.#over) return;
    if (this.#cancelled) return this.finish({ kind: 'cancelled' });
    const { call } = this;
    const safe = unsent || isIdempotent(call);
    if (!safe || this.#headSent || this.#body?.spent === true || this.#replays === mostReplays)
      return this.finish({ kind: 'crashed', cause });
    this.#replays++;
    this.#operations?.close();
    this.#operations = undefined;
    this.#outcome = undefined;
    this.leave();
    this.#owner.place(this);
  }

  exceed(limit: LimitName, cpuMs: number = 0): void {
    if (this.#over) return;
    if (this.#cancelled) return this.finish({ kind: 'cancelled' }, cpuMs);
    this.#owner.log(this, 'system', `exceeded ${limit} (${this.pool.target.deployment.limits[limit]})`);
    this.finish({ kind: 'exceeded', limit }, cpuMs);
  }

  finish(outcome: Outcome, cpuMs: number = 0): void {
    if (this.#over) return;
    if (this.#number !== 0) this.#instance?.cell.drop(this.#number);
    this.#over = true;
    this.leave();
    this.#operations?.close();
    this.#body?.seen();
    this.#owner.over(this, outcome, cpuMs);
    try {
      this.#sink.done(outcome, toUsage(this, cpuMs));
    } catch (error) {
      this.#owner.failed(error, 'Ending a call');
    }
  }

  /** Its cell is being replaced: a call may finish there, a WebSocket has no end of its own. Its client opens another. */
  leaveDraining(): void {
    if (this.socket !== undefined && this.#instance?.cell.state === 'draining')
      this.finish({ kind: 'refused', reason: 'closing' });
  }

  /** What it answered cannot be used. */
  fault(error: GuestError): void {
    this.#threw(error);
    this.finish({ kind: 'threw', error });
  }

  /** Its clock has run out. */
  late(): void {
    this.exceed(this.socket?.clock ?? 'wallMs');
  }

  /** At most `ms` more from now on. */
  shorten(ms: number): void {
    this.deadline = Math.min(this.deadline, performance.now() + ms);
  }

  leave(): void {
    if (this.#instance === undefined) return;
    if (this.socket === undefined) this.#instance.inFlight--;
    else this.socket.leave();
    this.#instance.waiting.delete(this);
    this.#instance = undefined;
  }

  #sendBody(message: BodyMessage): void {
    if (this.#over) return;
    this.#body?.keep(message);
    this.send(message.kind, message.rest, message.bytes);
  }

  #head(json: string, bytes: Buffer): void {
    // The source of a body that nobody is going to read is told so.
    if (this.#cancelled) return this.send(In.Cancel, '1');
    if (this.#headSent) return;
    const head = this.pool.heads.read(json, bytes);
    if (head.status === 101 && !this.#openSocket(head)) return;
    this.bytesOut += lines.bodyBytes(head.body);
    if (this.bytesOut > this.pool.target.deployment.limits.responseBodyBytes)
      return this.exceed('responseBodyBytes');
    this.#headSent = true;
    this.#open = head.body.kind === 'stream';
    this.#outcome = { kind: 'responded', status: head.status };
    this.#sink.head(head.status, head.headers, head.body);
    if (this.socket !== undefined) this.#sink.wants(initialCredit);
  }

  /** The function accepts a WebSocket; false when that has ended the call. */
  #openSocket(head: lines.ResponseHead): boolean {
    const passed = (direction: 'in' | 'out', count: number): void => {
      if (direction === 'in') this.#operations?.renew();
      this.#owner.messages(this, direction, count);
    };
    this.socket = AcceptedSocket.open(this, head, { passed });
    return this.socket !== undefined;
  }

  #chunk(stream: number, bytes: Buffer): void {
    if (stream !== 1) return this.#operations?.chunk(stream, bytes);
    if (!this.#open || this.#cancelled) return;
    this.#unconsumed += bytes.length;
    if (this.#unconsumed > initialCredit * 2) throw new TypeError('more of a body than was asked for');
    this.bytesOut += bytes.length;
    if (this.socket !== undefined) return this.socket.count(bytes) ? this.#sink.chunk(bytes) : undefined;
    if (this.bytesOut > this.pool.target.deployment.limits.responseBodyBytes)
      return this.exceed('responseBodyBytes');
    this.#sink.chunk(bytes);
  }

  #streamEnded(stream: number): void {
    if (stream !== 1) return this.#operations?.end(stream);
    if (!this.#open || this.#cancelled) return;
    this.#open = false;
    this.socket?.closed();
    this.#sink.end();
  }

  #streamFailed(line: readonly unknown[]): void {
    const [stream, message] = line;
    if (stream !== 1) return this.#operations?.fail(Number(stream), String(message));
    return this.#threw(lines.bodyFailed(String(message)));
  }

  #threw(thrown: GuestError): void {
    const error = redactError(this.pool.target, thrown);
    this.#owner.log(this, 'error', error.stack ?? `${error.name}: ${error.message}`);
    this.#outcome = { kind: 'threw', error };
  }
}
