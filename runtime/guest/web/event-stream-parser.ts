import { TextDecoder } from './text-decoder.ts';

export interface StreamMessage {
  readonly type: string;
  /** Undefined where there was none: the id may have changed all the same. */
  readonly data: string | undefined;
  readonly lastEventId: string;
}

export interface StreamEvents {
  message(message: StreamMessage): void;
  retry(ms: number): void;
}

/** HTML, 9.2.6 "interpreting an event stream", from bytes as they come. */
export class EventStreamParser {
  readonly #events: StreamEvents;
  readonly #decoder: TextDecoder = new TextDecoder();
  /** What came of the line that has not ended. */
  #line = '';
  /** The last character was a CR: an LF now belongs to it. */
  #afterCr = false;
  #data = '';
  #type = '';
  #id: string;

  /** @param lastEventId of the connection before */
  constructor(lastEventId: string, events: StreamEvents) {
    this.#id = lastEventId;
    this.#events = events;
  }

  push(bytes: Uint8Array): void {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return;
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1);
    this.#afterCr = text.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    const rest = lines.pop() as string;
    for (const line of lines) {
      this.#take(this.#line + line);
      this.#line = '';
    }
    this.#line += rest;
  }

  #take(line: string): void {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    switch (field) {
      case 'data':
        this.#data += `${value}\n`;
        return;
      case 'event':
        this.#type = value;
        return;
      case 'id':
        if (!value.includes('\0')) this.#id = value;
        return;
      case 'retry':
        if (/^\d+$/.test(value)) this.#events.retry(Number(value));
        return;
      default:
    }
  }

  #dispatch(): void {
    const data = this.#data === '' ? undefined : this.#data.slice(0, -1);
    const type = this.#type === '' ? 'message' : this.#type;
    this.#data = '';
    this.#type = '';
    this.#events.message({ type, data, lastEventId: this.#id });
  }
}
