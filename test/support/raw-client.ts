import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** One response as it was on the wire. */
export interface RawResponse {
  readonly status: number;
  /** In the order sent, names in lower case. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly header: (name: string) => string | undefined;
}

/** A TCP client that writes what it is told and reads responses one by one. Bytes are latin1 throughout. */
export class RawClient {
  readonly socket: Socket;
  #data = '';
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.#data += text;
      this.#wake?.();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Lines are joined with CRLF; the last argument is followed by nothing. */
  write(...lines: string[]): this {
    this.socket.write(lines.join('\r\n'), 'latin1');
    return this;
  }

  /** Writes a request head of these lines and the empty line after it. */
  send(...lines: string[]): this {
    return this.write(...lines, '', '');
  }

  /** Next response; `head: true` when the request was HEAD. Throws when the connection ends inside it. */
  async response(options: { readonly head?: boolean } = {}): Promise<RawResponse> {
    const head = await this.#until('\r\n\r\n');
    const [line = '', ...fields] = head.split('\r\n');
    const status = Number(line.split(' ')[1]);
    const headers = fields.map((field): [string, string] => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    });
    const header = (name: string): string | undefined => headers.find(([n]) => n === name)?.[1];
    const none = options.head === true || status < 200 || status === 204 || status === 304;
    const body = none ? '' : await this.#body(header);
    return { status, headers, body, header };
  }

  /** Reads past `mark` and gives what came before it. Throws when the connection ends first. */
  until(mark: string): Promise<string> {
    return this.#until(mark);
  }

  /** Everything that still comes until the connection ends. */
  async rest(): Promise<string> {
    while (!this.#closed) await this.#more();
    return this.#data;
  }

  close(): void {
    this.socket.destroy();
  }

  async #body(header: (name: string) => string | undefined): Promise<string> {
    const length = header('content-length');
    if (length !== undefined) return this.#take(Number(length));
    if (header('transfer-encoding') !== 'chunked') return this.rest();
    let body = '';
    for (;;) {
      const size = Number.parseInt(await this.#until('\r\n'), 16);
      const piece = await this.#take(size);
      await this.#until('\r\n');
      if (size === 0) return body;
      body += piece;
    }
  }

  async #until(mark: string): Promise<string> {
    for (;;) {
      const at = this.#data.indexOf(mark);
      if (at >= 0) {
        const text = this.#data.slice(0, at);
        this.#data = this.#data.slice(at + mark.length);
        return text;
      }
      await this.#more();
    }
  }

  async #take(bytes: number): Promise<string> {
    while (this.#data.length < bytes) await this.#more();
    const text = this.#data.slice(0, bytes);
    this.#data = this.#data.slice(bytes);
    return text;
  }

  async #more(): Promise<void> {
    if (this.#closed) throw new Error(`connection closed after ${JSON.stringify(this.#data.slice(0, 200))}`);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
