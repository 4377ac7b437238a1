import type { Operation } from '#runtime/binding.ts';

/** A guest's args as a web Request. Throws TypeError for what is no request. */
export function toRequest(args: object, operation: Operation, signal: AbortSignal): Request {
  const { url, method = 'GET', headers } = args as Readonly<Record<string, unknown>>;
  if (typeof url !== 'string' || !/^https?:/i.test(url) || URL.parse(url) === null)
    throw new TypeError(
      `Address ${quote(url)} for a function is no http(s) URL; use e.g. "http://other/path"`,
    );
  if (typeof method !== 'string')
    throw new TypeError(`Method ${quote(method)} is not a token; use GET, POST, …`);
  const { bytes, stream } = operation;
  const body = stream === undefined ? bytes : streamOf(stream);
  const given = toHeaders(headers);
  // What the body has, not what the guest says of it: a callee may pass the header on.
  if (bytes === undefined) given.delete('content-length');
  else given.set('content-length', String(bytes.length));
  try {
    return new Request(url, {
      method,
      headers: given,
      signal,
      ...(body === undefined ? {} : { body: body as ReadableStream<Uint8Array>, duplex: 'half' as const }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`Cannot make a request for a function: ${reason}`, { cause: error });
  }
}

function toHeaders(value: unknown): Headers {
  const headers = new Headers();
  if (value === undefined || value === null) return headers;
  const flat = Array.isArray(value) && value.length % 2 === 0 ? (value as unknown[]) : [undefined];
  if (!flat.every((part) => typeof part === 'string'))
    throw new TypeError('Headers for a function are not a flat list; send name, value, name, value');
  for (let i = 0; i + 1 < flat.length; i += 2) headers.append(flat[i] ?? '', flat[i + 1] ?? '');
  return headers;
}

/** Read as it is pulled, one piece at a time. */
function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return ReadableStream.from(source);
}

/** All of a body where it is here already; else a stream of it, so that no head waits for a body that is still made. */
export async function takeBody(
  body: ReadableStream<Uint8Array>,
): Promise<{ readonly bytes: Uint8Array } | { readonly stream: AsyncIterable<Uint8Array> }> {
  const reader = body.getReader();
  const asked: Promise<Read>[] = [reader.read()];
  for (const read of asked) {
    const soon = await Promise.race([read, later()]);
    if (soon === undefined) return { stream: readerOf(reader, asked) };
    if (!soon.done) asked.push(reader.read());
  }
  const pieces = await Promise.all(asked);
  return { bytes: new Uint8Array(Buffer.concat(pieces.flatMap(({ value }) => value ?? []))) };
}

async function later(): Promise<undefined> {
  return new Promise((resolve) => {
    setImmediate(resolve, undefined);
  });
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

/** A body for one reader: what was asked for, then the rest. A cancel reaches its source while a read waits. */
export function readerOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  asked: Promise<Read>[] = [],
): AsyncIterableIterator<Uint8Array> {
  return {
    async next() {
      const { done, value } = await (asked.shift() ?? reader.read());
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : `of type ${typeof value}`;
}
