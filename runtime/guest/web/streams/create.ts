import { ByteControl } from './byte-control.ts';
import { DefaultControl, type DefaultOptions } from './default-control.ts';
import { settled } from './promises.ts';
import { ReadableState, type Source } from './readable-state.ts';

/** Streams, 4.9.1 "CreateReadableStream": a stream of ours; its source starts with `start`. */
export function createReadable(
  options: DefaultOptions,
  start: Promise<unknown> = settled,
): { readonly stream: ReadableState; readonly control: DefaultControl } {
  const stream = new ReadableState();
  const control = new DefaultControl(stream, options);
  control.start(start);
  return { stream, control };
}

/** Streams, 4.9.1 "CreateReadableByteStream". */
export function createReadableBytes(source: Source): {
  readonly stream: ReadableState;
  readonly control: ByteControl;
} {
  const stream = new ReadableState();
  const control = new ByteControl(stream, { source, highWaterMark: 0, autoAllocate: undefined });
  control.start(settled);
  return { stream, control };
}
