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
  try {
    return new Request(url, {
      method,
      headers: toHeaders(headers),
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
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** A body for one reader: a cancel reaches its source while a read waits. */
export function readerOf(body: ReadableStream<Uint8Array>): AsyncIterableIterator<Uint8Array> {
  const reader = body.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
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
