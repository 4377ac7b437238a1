import { HostError } from '#runtime/errors.ts';

/** Proxies and clients give up on a silent connection after 30 s or more. */
const keepAliveMs = 15_000;

/**
 * Values as server-sent events (HTML standard, 9.2): each as JSON under `name`, then `end`; `error` with code and
 * message when the source fails or `closing` aborts; a comment at once and whenever 15 s pass in silence. One value is read ahead at the
 * most. The signal given to `open` aborts when the reader goes away.
 */
export function eventStream(
  name: string,
  open: (signal: AbortSignal) => AsyncIterable<unknown>,
  closing: AbortSignal,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  let values: AsyncIterator<unknown> | undefined;
  let coming: Promise<IteratorResult<unknown>> | undefined;

  const next = async (): Promise<string | undefined> => {
    if (values === undefined) {
      values = open(gone.signal)[Symbol.asyncIterator]();
      return ': lines follow\n\n';
    }
    coming ??= values.next();
    const result = await within(coming, keepAliveMs, closing);
    if (result === undefined) return ': still here\n\n';
    coming = undefined;
    return result.done === true ? undefined : frame(name, result.value);
  };

  const leave = (): void => {
    gone.abort();
    coming?.catch(() => {});
    values?.return?.().catch(() => {});
  };

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const text = await next();
          controller.enqueue(encoder.encode(text ?? frame('end', {})));
          if (text === undefined) controller.close();
        } catch (error) {
          if (gone.signal.aborted) return;
          controller.enqueue(encoder.encode(frame('error', toData(error))));
          controller.close();
          leave();
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

function frame(name: string, value: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
}

function toData(error: unknown): object {
  if (error instanceof HostError) return { code: error.code, message: error.message };
  return { code: 'ERR_INTERNAL', message: 'The host failed at this call; its log says more' };
}

/** What `promise` resolves to, or undefined when `ms` pass first. Rejects with ERR_CLOSING when `closing` aborts. */
async function within<T>(promise: Promise<T>, ms: number, closing: AbortSignal): Promise<T | undefined> {
  const { promise: other, resolve, reject } = Promise.withResolvers<undefined>();
  const onClosing = (): void =>
    reject(new HostError('ERR_CLOSING', 'The log ends here: the host is closing'));
  if (closing.aborted) onClosing();
  closing.addEventListener('abort', onClosing, { once: true });
  const timer = setTimeout(resolve, ms, undefined);
  try {
    return await Promise.race([promise, other]);
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', onClosing);
  }
}
