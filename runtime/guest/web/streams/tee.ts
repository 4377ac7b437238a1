import { createReadable } from './create.ts';
import type { DefaultControl } from './default-control.ts';
import { Latch, settled, upon } from './promises.ts';
import { type ReadableState, ReaderState, type ReadRequest } from './readable-state.ts';

/** Two streams that both give what the teed one gives. */
export interface Branches {
  readonly first: ReadableState;
  readonly second: ReadableState;
}

/** Each branch that has its own state in a tee. */
export interface Branch<Control> {
  stream: ReadableState;
  control: Control;
  canceled: boolean;
  reason: unknown;
}

/** What both kinds of tee do when a branch is cancelled: the source is when both are. */
export function cancelBranch(
  source: ReadableState,
  branches: readonly [Branch<unknown>, Branch<unknown>],
  cancelled: Latch,
): (branch: Branch<unknown>, reason: unknown) => Promise<unknown> {
  return (branch, reason) => {
    branch.canceled = true;
    branch.reason = reason;
    const [one, two] = branches;
    if (one.canceled && two.canceled) cancelled.resolve(source.cancel([one.reason, two.reason]));
    return cancelled.promise;
  };
}

/** Streams, 4.9.1 "ReadableStreamDefaultTee"; with `clone` the second branch gets copies of the chunks. */
export function teeDefault(source: ReadableState, clone?: (chunk: unknown) => unknown): Branches {
  const reader = new ReaderState(source, 'default');
  const cancelled = new Latch(false);
  let reading = false;
  let again = false;
  const one = {} as Branch<DefaultControl>;
  const two = {} as Branch<DefaultControl>;
  const both = [one, two] as const;
  const cancel = cancelBranch(source, both, cancelled);
  const each = (run: (branch: Branch<DefaultControl>) => void): void => {
    if (!one.canceled) run(one);
    if (!two.canceled) run(two);
  };
  const settle = (): void => {
    if (!one.canceled || !two.canceled) cancelled.resolve();
  };
  /** A chunk that cannot be copied ends both branches and the source. */
  const give = (value: unknown): void => {
    let copy = value;
    try {
      if (clone !== undefined && !two.canceled) copy = clone(value);
    } catch (error) {
      one.control.error(error);
      two.control.error(error);
      cancelled.resolve(source.cancel(error));
      return;
    }
    if (!one.canceled) one.control.enqueue(value);
    if (!two.canceled) two.control.enqueue(copy);
  };
  const request: ReadRequest = {
    chunk(value) {
      // One microtask later, so that an error of the source that comes with the chunk is seen first.
      upon(settled, () => {
        again = false;
        give(value);
        reading = false;
        if (again) void pull();
      });
    },
    close() {
      reading = false;
      each((branch) => branch.control.close());
      settle();
    },
    error() {
      reading = false;
    },
  };
  const pull = (): Promise<unknown> => {
    if (reading) {
      again = true;
      return settled;
    }
    reading = true;
    reader.read(request);
    return settled;
  };
  for (const branch of both) {
    Object.assign(branch, { canceled: false, reason: undefined });
    const source = {
      pull,
      cancel: (reason: unknown) => cancel(branch, reason),
    };
    Object.assign(branch, createReadable({ source, highWaterMark: 1, size: undefined }));
  }
  upon(
    reader.closed.promise,
    () => undefined,
    (reason) => {
      one.control.error(reason);
      two.control.error(reason);
      settle();
    },
  );
  return { first: one.stream, second: two.stream };
}
