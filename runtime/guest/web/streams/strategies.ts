import { requireArguments, shapeInterface } from '../webidl.ts';
import { type Dictionary, toDictionary } from './arguments.ts';
import type { SizeOf } from './default-control.ts';

const byteLengthOf = { size: (chunk: { readonly byteLength: number }) => chunk.byteLength };
const one = { size: () => 1 };

function toHighWaterMark(init: unknown, name: string): number {
  const { highWaterMark } = toDictionary(init, `The argument of ${name}`) as Dictionary<'highWaterMark'>;
  if (highWaterMark === undefined) throw new TypeError(`${name} needs a highWaterMark`);
  return Number(highWaterMark);
}

/** Streams, 7.2: a chunk counts as many as its bytes. */
export class ByteLengthQueuingStrategy {
  readonly #highWaterMark: number;

  constructor(init: unknown) {
    requireArguments(arguments.length, 1, 'new ByteLengthQueuingStrategy');
    this.#highWaterMark = toHighWaterMark(init, 'ByteLengthQueuingStrategy');
  }

  get highWaterMark(): number {
    return this.#highWaterMark;
  }
  /** One function for all of them. */
  get size(): SizeOf {
    void this.#highWaterMark;
    return byteLengthOf.size as SizeOf;
  }
}

/** Streams, 7.3: a chunk counts one. */
export class CountQueuingStrategy {
  readonly #highWaterMark: number;

  constructor(init: unknown) {
    requireArguments(arguments.length, 1, 'new CountQueuingStrategy');
    this.#highWaterMark = toHighWaterMark(init, 'CountQueuingStrategy');
  }

  get highWaterMark(): number {
    return this.#highWaterMark;
  }
  get size(): SizeOf {
    void this.#highWaterMark;
    return one.size;
  }
}

shapeInterface(ByteLengthQueuingStrategy.prototype, 'ByteLengthQueuingStrategy');
shapeInterface(CountQueuingStrategy.prototype, 'CountQueuingStrategy');
