import { performance } from 'node:perf_hooks';
import type { EndReport } from '#runtime/frames.ts';
import { In, initialCredit } from '#runtime/guest/protocol.ts';
import type { LimitName } from '#runtime/limits.ts';
import type { GuestError, Outcome } from '#runtime/outcome.ts';
import type { Resident } from '../cells/cell-client.ts';
import type { Call, Handle, Sink } from '../call.ts';
import { toUsage } from '../meter.ts';
import { redactError, redactOf } from '../redact.ts';
import type { Target } from '../registry.ts';
import type { HostInstance } from './host-instance.ts';
import { firstMessage, isIdempotent, type BodyMessage } from './messages.ts';
import { InvocationOrigin, deadlineOf } from './origin.ts';
import { Operations } from './operations.ts';
import type { Pool } from './pool.ts';
import {
  bodyBytes,
  bodyFailed,
  brokenOff,
  noAnswer,
  parseError,
  parseLog,
  parseNumbers,
  parseReturned,
} from './lines.ts';

export interface InvocationOwner {
  /** Finds an instance for it, or ends it. */
  place(invocation: Invocation): void;
  log(invocation: Invocation, level: string, text: string): void;
  /** It is over; called once, just before the sink hears of it. */
  over(invocation: Invocation, outcome: Outcome, cpuMs: number): void;
  /** Without `target` nothing in it can be its secrets. */
  failed(error: unknown, what: string, target?: Target): void;
}

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
  /** The body as far as it came, until a guest has shown that it is there: at most what was asked for at first. */
  #body: BodyMessage[] = [];
  /** It may not be sent once more: its body is gone. */
  #spent = false;
  #replays = 0;
  #returns = 0;
  #over = false;
  #bodyStarted = false;
  #cancelled = false;
  #discarded = false;
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
    const { cell } = instance;
    this.#number = cell.take(this);
    const { call, id } = this;
    const deadline = Math.round(performance.timeOrigin + this.deadline);
    const userHeader = this.pool.target.code?.kind === 'wasm';
    const message = firstMessage(call, { number: this.#number, id, deadline, userHeader });
    const body = call.kind === 'request' ? call.body : undefined;
    cell.begin(this.#number, instance.number, message, body);
    for (const { kind, rest, bytes } of this.#body) this.send(kind, rest, bytes);
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
    if (this.bytesIn > this.pool.target.deployment.limits.requestBodyBytes)
      return this.exceed('requestBodyBytes');
    this.#sendBody({ kind: In.Chunk, rest: `0,0,${bytes.length}`, bytes });
  }

  end(): void {
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
    this.deadline = Math.min(this.deadline, performance.now() + cleanUpMs);
    this.send(In.Abort, '0');
    this.send(In.Cancel, '1');
  }

  // Resident

  line(letter: string, json: string, bytes: Buffer): void {
    if (this.#over) return;
    if (this.#body.length > 0) {
      this.#body = [];
      this.#spent = true;
    }
    switch (letter) {
      case 'A':
      case 'H':
        return this.#head(json, bytes);
      case 'C':
        return this.#chunk(parseNumbers(json)[0] ?? 0, bytes);
      case 'E':
        return this.#streamEnded(parseNumbers(json)[0] ?? 0);
      case 'G': {
        const [stream, count] = parseNumbers(json);
        if (stream === 0) return this.#cancelled ? undefined : this.#sink.wants(count ?? 0);
        return this.#operations?.credit(stream ?? 0, count ?? 0);
      }
      case 'O':
        return this.#operationsOf().start(JSON.parse(json) as readonly unknown[], bytes);
      case 'X':
        return this.#operations?.cancel(parseNumbers(json)[0] ?? 0);
      case 'K':
        return this.#operations?.kill(parseNumbers(json)[0] ?? 0);
      case 'F':
        return this.#streamFailed(JSON.parse(json) as readonly unknown[]);
      case 'L':
        return this.#owner.log(this, ...parseLog(json));
      case 'R':
        this.#outcome ??= parseReturned(json);
        return;
      case 'Z':
        return this.#threw(parseError(json));
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
    if (this.#open && !this.#discarded) this.#outcome = { kind: 'threw', error: brokenOff };
    this.finish(this.#outcome ?? { kind: 'threw', error: noAnswer }, end.cpuMs);
  }

  returned(): void {
    if (this.#over) return;
    this.#returns++;
    if (this.#headSent || this.#spent || this.#returns > mostReturns) return this.lost();
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
    if (!safe || this.#headSent || this.#spent || this.#replays === mostReplays)
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
    this.#body = [];
    this.#owner.over(this, outcome, cpuMs);
    try {
      this.#sink.done(outcome, toUsage(this, cpuMs));
    } catch (error) {
      this.#owner.failed(error, 'Ending a call');
    }
  }

  leave(): void {
    if (this.#instance === undefined) return;
    this.#instance.inFlight--;
    this.#instance.waiting.delete(this);
    this.#instance = undefined;
  }

  #sendBody(message: BodyMessage): void {
    if (this.#over) return;
    if (!this.#spent) this.#body.push(message);
    this.send(message.kind, message.rest, message.bytes);
  }

  #head(json: string, bytes: Buffer): void {
    // The source of a body that nobody is going to read is told so.
    if (this.#cancelled) return this.send(In.Cancel, '1');
    if (this.#headSent) return;
    const head = this.pool.heads.read(json, bytes);
    this.bytesOut += bodyBytes(head.body);
    if (this.bytesOut > this.pool.target.deployment.limits.responseBodyBytes)
      return this.exceed('responseBodyBytes');
    this.#headSent = true;
    this.#open = head.body.kind === 'stream';
    this.#outcome = { kind: 'responded', status: head.status };
    this.#sink.head(head.status, head.headers, head.body);
  }

  #chunk(stream: number, bytes: Buffer): void {
    if (stream !== 1) return this.#operations?.chunk(stream, bytes);
    if (!this.#open || this.#cancelled) return;
    this.#unconsumed += bytes.length;
    if (this.#unconsumed > initialCredit * 2) throw new TypeError('more of a body than was asked for');
    this.bytesOut += bytes.length;
    if (this.bytesOut > this.pool.target.deployment.limits.responseBodyBytes)
      return this.exceed('responseBodyBytes');
    this.#sink.chunk(bytes);
  }

  #streamEnded(stream: number): void {
    if (stream !== 1) return this.#operations?.end(stream);
    if (!this.#open || this.#cancelled) return;
    this.#open = false;
    this.#sink.end();
  }

  #streamFailed(line: readonly unknown[]): void {
    const [stream, message] = line;
    if (stream !== 1) return this.#operations?.fail(Number(stream), String(message));
    return this.#threw(bodyFailed(String(message)));
  }

  #threw(thrown: GuestError): void {
    const error = redactError(this.pool.target, thrown);
    this.#owner.log(this, 'error', error.stack ?? `${error.name}: ${error.message}`);
    this.#outcome = { kind: 'threw', error };
  }

  #operationsOf(): Operations {
    this.#operations ??= new Operations({
      id: this.id,
      subrequests: this.pool.target.deployment.limits.subrequests,
      origin: new InvocationOrigin(this.call, this.id, Math.round(performance.timeOrigin + this.deadline)),
      request: this.call.kind === 'request' ? this.call : undefined,
      attachment: (name) => this.pool.attachments.get(name),
      exceeded: () => this.exceed('subrequests'),
      failed: (error, what) => this.#owner.failed(error, what, this.pool.target),
      redact: redactOf(this.pool.target),
      send: (kind, rest, bytes) => this.send(kind, rest, bytes),
    });
    return this.#operations;
  }
}
