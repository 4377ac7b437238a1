import { current } from './invocation.ts';
import { operate, toError } from './operations.ts';
import { askToServe, type BlockingServe } from './output.ts';
import {
  NativeError,
  NativeUint8Array,
  apply,
  copyBytes,
  parseJson,
  viewBuffer,
  viewLength,
} from './primordials.ts';
import type { Served } from './web/io.ts';

/**
 * Work of the cell (protocol.ts, serve), for which this thread waits. `args` is JSON text of an array. Throws what the
 * cell says.
 */
export function serve(method: string, args: string, bytes?: Uint8Array): Served {
  const buffer = bytes === undefined ? undefined : viewBuffer(copyBytes(bytes, 0, viewLength(bytes)));
  const reply = askToServe(method, args, buffer);
  if (reply === undefined) throw new NativeError('The cell does not answer');
  const value = parseJson(reply[1]);
  if (reply[0] !== 1) throw toError(value);
  const answer = reply[2];
  return {
    __proto__: null,
    value,
    bytes: answer === undefined ? undefined : new NativeUint8Array(answer),
  } as Served;
}

/** The same without waiting. The top level belongs to no invocation: there it is done before this returns. */
export async function serveLater(method: string, args: string, bytes?: Uint8Array): Promise<Served> {
  if (current === undefined) return serve(method, args, bytes);
  const { value, bytes: answer } = await operate(current, { binding: '', method, args, bytes, whole: true });
  return { __proto__: null, value, bytes: answer as Served['bytes'] } as Served;
}

/**
 * What `install` was given as `serve`: isolated-vm's Reference to a function of the cell. Bound once, so that nothing
 * but this closure can reach it; its options have no prototype that a guest could add members to.
 */
export function toBlocking(given: unknown): BlockingServe {
  if (typeof given === 'function') return given as BlockingServe;
  const reference = given as { applySyncPromise(self: unknown, args: unknown[], options: object): unknown };
  // oxlint-disable-next-line typescript/unbound-method -- applied to its reference below
  const { applySyncPromise } = reference;
  const options = { __proto__: null, arguments: { __proto__: null, copy: true } };
  return (method, args, bytes) =>
    apply(applySyncPromise, reference, [
      undefined,
      [method, args, bytes],
      options,
    ]) as ReturnType<BlockingServe>;
}
