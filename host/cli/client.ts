import { request as requestHttp } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { HostError } from '#runtime/errors.ts';
import { UsageError } from './usage-error.ts';

/** The host answered with an error; `code` is its own. */
export class RemoteError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.name = 'RemoteError';
    this.code = code;
    this.status = status;
  }
}

export interface ServerEvent {
  readonly name: string;
  readonly data: unknown;
}

/** A path with its values encoded: path`/v1/functions/${name}`. */
export function path(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return strings.reduce((text, part, index) => {
    const value = String(values[index - 1]);
    if (value === '.' || value === '..' || value === '') {
      throw new UsageError(`${JSON.stringify(value)} is not usable as a name or a key`);
    }
    return `${text}${encodeURIComponent(value)}${part}`;
  });
}

/** `?a=1&b=2` of what is defined; empty when nothing is. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const pairs = Object.entries(values).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

/**
 * The admin API of one host. Rejects with RemoteError for what the host refuses and HostError ERR_UNREACHABLE
 * when there is none. On node:http: an invocation may take 15 minutes to answer, which fetch would give up on.
 */
export class AdminClient {
  readonly url: URL;
  readonly #token: string;
  readonly #signal: AbortSignal;

  constructor(options: { readonly url: URL; readonly token: string; readonly signal: AbortSignal }) {
    this.url = options.url;
    this.#token = options.token;
    this.#signal = options.signal;
  }

  /** Sends `body` as JSON, answers the parsed JSON; undefined for an empty answer. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const text = (await this.bytes(method, path, bytes)).bytes.toString();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async bytes(
    method: string,
    path: string,
    body?: Uint8Array,
  ): Promise<{ readonly bytes: Buffer; readonly headers: IncomingHttpHeaders }> {
    const response = await this.#send(method, path, body);
    return { bytes: await this.#read(response), headers: response.headers };
  }

  /** A large answer as it comes, no faster than it is read. */
  async *pieces(path: string): AsyncGenerator<Buffer> {
    const response = await this.#send('GET', path, undefined);
    try {
      for await (const piece of response as AsyncIterable<Buffer>) yield piece;
    } catch (cause) {
      throw this.#signal.aborted ? cause : this.#unreachable(cause);
    }
  }

  /** Server-sent events until the host ends them; ends, too, when the verb's signal aborts. */
  async *events(path: string): AsyncGenerator<ServerEvent> {
    const response = await this.#send('GET', path, undefined);
    let text = '';
    response.setEncoding('utf8');
    try {
      for await (const piece of response as AsyncIterable<string>) {
        const frames = (text + piece).split('\n\n');
        text = frames.pop() ?? '';
        for (const frame of frames) {
          const event = parseFrame(frame);
          if (event?.name === 'end') return;
          if (event !== undefined) yield event;
        }
      }
    } catch (cause) {
      if (this.#signal.aborted) return;
      throw this.#unreachable(cause);
    }
    if (!this.#signal.aborted) throw this.#unreachable(new Error('it ended the connection'));
  }

  async #send(method: string, path: string, body: Uint8Array | undefined): Promise<IncomingMessage> {
    const response = await this.#request(method, path, body);
    if ((response.statusCode ?? 0) < 400) return response;
    const text = (await this.#read(response)).toString();
    throw toRemoteError(response.statusCode ?? 0, text);
  }

  #request(method: string, path: string, body: Uint8Array | undefined): Promise<IncomingMessage> {
    const request = this.url.protocol === 'https:' ? requestHttps : requestHttp;
    const url = new URL(this.url.pathname.replace(/\/$/, '') + path, this.url);
    return new Promise((resolve, reject) => {
      const sent = request(
        url,
        {
          method,
          signal: this.#signal,
          agent: false,
          headers: {
            authorization: `Bearer ${this.#token}`,
            ...(body === undefined ? {} : { 'content-length': body.byteLength }),
          },
        },
        resolve,
      );
      sent.on('error', (cause: NodeJS.ErrnoException) => {
        if (this.#signal.aborted) return reject(cause);
        const cut = body !== undefined && (cause.code === 'EPIPE' || cause.code === 'ECONNRESET');
        reject(cut ? this.#cutOff(body.byteLength, cause) : this.#unreachable(cause));
      });
      sent.end(body);
    });
  }

  async #read(response: IncomingMessage): Promise<Buffer> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
    } catch (cause) {
      throw this.#signal.aborted ? cause : this.#unreachable(cause);
    }
    return Buffer.concat(pieces);
  }

  #cutOff(bytes: number, cause: unknown): HostError {
    return new HostError(
      'ERR_UNREACHABLE',
      `Cannot send ${bytes} bytes to ${this.url.origin}: it ended the connection in the middle; ` +
        'send less, or try again if the host has just stopped',
      { cause },
    );
  }

  #unreachable(cause: unknown): HostError {
    const { code, message } = cause as NodeJS.ErrnoException;
    return new HostError(
      'ERR_UNREACHABLE',
      `Cannot reach a host at ${this.url.origin} (${code ?? message}); ` +
        'start one with `islet host`, or name it with --admin or --dir',
      { cause },
    );
  }
}

function toRemoteError(status: number, text: string): RemoteError {
  try {
    const { error } = JSON.parse(text) as { error: { code: unknown; message: unknown } };
    return new RemoteError(String(error.code), status, String(error.message));
  } catch {
    return new RemoteError(
      'ERR_UNREACHABLE',
      status,
      `What answers there is not islet: HTTP status ${status}`,
    );
  }
}

function parseFrame(frame: string): ServerEvent | undefined {
  const parts = /^event: (\w+)\ndata: (.*)$/s.exec(frame);
  if (parts?.[1] === undefined || parts[2] === undefined) return undefined;
  const data: unknown = JSON.parse(parts[2]);
  if (parts[1] !== 'error') return { name: parts[1], data };
  const { code, message } = data as { code: string; message: string };
  throw new RemoteError(code, 200, message);
}
