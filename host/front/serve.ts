import type { Served } from '#runtime/binding.ts';
import type { FrontAnswer, FrontCall } from './front-call.ts';
import { headerOf, prefixOf } from './gate.ts';

/** The longest request body a binding is given. */
const mostBodyBytes = 2 ** 20;
/** Answers that are here at once, up to this long, are sent whole. */
const wholeBytes = 64 * 1024;

const tooLarge = { kind: 'exceeded', limit: 'requestBodyBytes' } as const;

/** Lets a binding answer. Rejects with what it rejects with, when it has not answered by then or its body breaks off. */
export async function serve(call: FrontCall, served: Served): Promise<void> {
  const request = call.call;
  if (Number(headerOf(request, 'content-length') ?? 0) > mostBodyBytes) return call.finish(tooLarge);
  const body = call.requestBody(mostBodyBytes);
  const bodiless = request.method === 'GET' || request.method === 'HEAD';
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < request.headers.length; i += 2)
    headers.push([request.headers[i] ?? '', request.headers[i + 1] ?? '']);
  const { signal } = call.abortion;
  const present = !bodiless && (request.streamed || request.body !== undefined);
  let response: Response;
  try {
    const { method, url, ip } = request;
    const init = {
      method,
      headers,
      signal,
      ...(present ? { body: body.stream(), duplex: 'half' as const } : {}),
    };
    response = await served.respond(new Request(url, init), { ip, prefix: prefixOf(request), signal });
  } catch (error) {
    if (body.tooLarge) return call.finish(tooLarge);
    if (signal.aborted) return;
    throw error;
  }
  if (body.tooLarge) {
    await response.body?.cancel();
    return call.finish(tooLarge);
  }
  await call.answer(await toAnswer(response));
}

/** A web Response as it goes out. */
async function toAnswer(response: Response): Promise<FrontAnswer> {
  const { status } = response;
  const headers = [...response.headers].flat();
  if (response.body === null) return { status, headers, body: undefined };
  const reader = response.body.getReader();
  const first = reader.read();
  const second = first.then(async ({ done }) => (done ? undefined : reader.read()));
  // A body that has an end already is sent whole; one that is still coming must not wait.
  second.catch(() => undefined);
  const ended = await Promise.race([second.then((next) => next === undefined || next.done), later()]);
  if (!ended) return { status, headers, body: rest(reader, [first, second]) };
  const { value } = await first;
  if (value === undefined || value.length <= wholeBytes)
    return { status, headers, body: value ?? new Uint8Array() };
  return { status, headers, body: rest(reader, [first, second]) };
}

async function later(): Promise<false> {
  return new Promise((resolve) => {
    setImmediate(resolve, false);
  });
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>> | undefined;

/** What was asked for already, then all that follows; a cancel reaches the source while a read waits. */
function rest(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  asked: Promise<Read>[],
): AsyncIterableIterator<Uint8Array> {
  return {
    async next() {
      const read = await (asked.shift() ?? reader.read());
      return read === undefined || read.done
        ? { done: true, value: undefined }
        : { done: false, value: read.value };
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
