import type { InstanceWatcher } from '#runtime/engine.ts';
import { In } from '#runtime/guest/protocol.ts';
import { clearTimer, setTimer, type Invocation } from './invocations.ts';
import { parseArray, parseLine, slice, toCount, type Line } from './lines.ts';
import { noteConnect, noteEnd, noteHead } from './socket-budgets.ts';
import type { Asked, Reply, ServiceDesk } from './services/desk.ts';

/** What the output of an isolate needs of the instance it comes from. */
export interface OutputOwner {
  readonly watcher: InstanceWatcher;
  readonly logBytes: number;
  readonly desk: ServiceDesk<Invocation>;
  find(invocation: number): Invocation | undefined;
  /** `taken` is called once the guest has worked on it. */
  push(invocation: number, text: string, bytes: Uint8Array, taken?: () => void): void;
}

const noBytes = new Uint8Array();
/** Characters of one line, at three bytes each the most, and bytes beside it: both together fit the longest frame. */
const mostText = 10 * 2 ** 20;
/** Log lines that every invocation may write, however short; one more for every 16 bytes of its log budget. */
const leastLines = 1000;
const mostBytes = 32 * 2 ** 20;

/**
 * Reads what an isolate sends: passes answers, bodies and operations on to the host, and serves here what needs no
 * host: timers, work for the cell, the log budget. Lines of invocations that are over are dropped.
 */
export class Output {
  readonly #owner: OutputOwner;
  readonly #watcher: InstanceWatcher;
  /** Invocations whose last line has come; they end with the entry, so that its CPU is counted whole. */
  #finished: Invocation[] = [];

  constructor(owner: OutputOwner) {
    this.#owner = owner;
    this.#watcher = owner.watcher;
  }

  takeFinished(): readonly Invocation[] {
    const finished = this.#finished;
    if (finished.length > 0) this.#finished = [];
    return finished;
  }

  receive(text: unknown, bytes: unknown): void {
    if (typeof text !== 'string') return;
    const buffer = bytes instanceof ArrayBuffer ? bytes : undefined;
    let from = 0;
    while (from < text.length) {
      const to = text.indexOf('\n', from);
      const line = parseLine(to === -1 ? text.slice(from) : text.slice(from, to));
      const found = line === undefined ? undefined : this.#owner.find(line.invocation);
      if (line !== undefined && found !== undefined && !found.finished) this.#line(found, line, buffer);
      if (to === -1) return;
      from = to + 1;
    }
  }

  #line(found: Invocation, line: Line, buffer: ArrayBuffer | undefined): void {
    if (line.json.length > mostText) return this.#tooLong(found);
    switch (line.letter) {
      case 'A':
      case 'H':
        return this.#head(found, line, buffer);
      case 'D':
        found.finished = true;
        this.#finished.push(found);
        return;
      case 'L':
        return this.#log(found, line);
      case 'T':
      case 'U':
        return this.#timer(found, line);
      case 'C':
        return this.#chunk(found, line, buffer);
      case 'O':
        return this.#operation(found, line, buffer);
      case 'E':
        noteEnd(found, toCount(parseArray(line.json)?.[0]));
        return this.#watcher.line(found.number, line.letter, line.json);
      default:
        return this.#watcher.line(found.number, line.letter, line.json);
    }
  }

  /** It would not fit a frame, and the host would end this cell for it. */
  #tooLong(found: Invocation): void {
    const message = 'The function hands over more than 10 MB of text or 32 MB of bytes at once; stream it';
    this.#watcher.line(found.number, 'Z', JSON.stringify(['RangeError', message, '', 'result']));
    found.finished = true;
    this.#finished.push(found);
  }

  #head(found: Invocation, line: Line, buffer: ArrayBuffer | undefined): void {
    let part: Uint8Array | undefined;
    if (buffer !== undefined) {
      const [, , kind, body] = parseArray(line.json) ?? [];
      if (kind === 2 && Array.isArray(body)) part = slice(buffer, body[0], body[1]);
    }
    if (line.letter === 'H') noteHead(found, line.json);
    if (line.letter === 'H') return this.#watcher.line(found.number, 'H', line.json, part);
    found.answer = { json: line.json, bytes: part };
    found.finished = true;
    this.#finished.push(found);
  }

  #chunk(found: Invocation, line: Line, buffer: ArrayBuffer | undefined): void {
    const [stream, off, len] = parseArray(line.json) ?? [];
    const part = slice(buffer, off, len);
    if (part !== undefined) this.#watcher.line(found.number, 'C', `[${toCount(stream)}]`, part);
  }

  #log(found: Invocation, line: Line): void {
    if (found.over !== undefined) return;
    const text = parseArray(line.json)?.[1];
    if (typeof text !== 'string') return;
    found.logBytes += Buffer.byteLength(text);
    found.logLines++;
    // An empty line costs no byte, but its way to the host.
    const mostLines = leastLines + this.#owner.logBytes / 16;
    if (found.logBytes <= this.#owner.logBytes && found.logLines <= mostLines)
      return this.#watcher.line(found.number, 'L', line.json);
    found.over = 'logBytes';
  }

  #timer(found: Invocation, line: Line): void {
    const [id, ms, repeat] = parseArray(line.json) ?? [];
    const timer = toCount(id);
    if (line.letter === 'U') return clearTimer(found, timer);
    const text = `[${In.Timer},${found.number},${timer}]`;
    const wanted = { id: timer, ms: toCount(ms), repeat: repeat === 1 };
    setTimer(found, wanted, (again) => this.#owner.push(found.number, text, noBytes, again));
  }

  #operation(found: Invocation, line: Line, buffer: ArrayBuffer | undefined): void {
    const operation = parseArray(line.json);
    if (operation === undefined) return;
    const [op, binding, method, args, off, len] = operation;
    const part = slice(buffer, off, len);
    if (part !== undefined && part.length > mostBytes) return this.#tooLong(found);
    if (binding === '' && this.#owner.desk.serves(method))
      return this.#serve(found, toCount(op), { method, args, bytes: part ?? noBytes });
    if (binding === '' && method === 'connect') noteConnect(found, toCount(op));
    return this.#watcher.line(found.number, 'O', line.json, part);
  }

  #serve(found: Invocation, op: number, asked: Asked): void {
    const reply = this.#owner.desk.ask(found, asked);
    if (reply instanceof Promise) void reply.then((late) => this.#served(found, op, late));
    else this.#served(found, op, reply);
  }

  #served(found: Invocation, op: number, reply: Reply | undefined): void {
    if (reply === undefined || this.#owner.find(found.number) !== found) return;
    const head = `[${In.Answer},${found.number},${op},${reply.ok ? 1 : 0},`;
    if (!reply.ok)
      return this.#owner.push(found.number, `${head}${JSON.stringify(reply.error)},0,-1,0]`, noBytes);
    const { value = null, bytes } = reply;
    const length = bytes?.length ?? -1;
    return this.#owner.push(found.number, `${head}${JSON.stringify(value)},0,${length},0]`, bytes ?? noBytes);
  }
}
