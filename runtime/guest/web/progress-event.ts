import { Event } from './event.ts';
import { shapeInterface, toDictionary } from './webidl.ts';

/** XMLHttpRequest, 5. */
export class ProgressEvent extends Event {
  readonly #lengthComputable: boolean;
  readonly #loaded: number;
  readonly #total: number;

  constructor(type: unknown, init: unknown = undefined) {
    super(type, init);
    const options = toDictionary(init, 'The second argument of a ProgressEvent');
    this.#lengthComputable = Boolean(options.lengthComputable);
    this.#loaded = toCount(options.loaded);
    this.#total = toCount(options.total);
  }

  get lengthComputable(): boolean {
    return this.#lengthComputable;
  }
  get loaded(): number {
    return this.#loaded;
  }
  get total(): number {
    return this.#total;
  }
}

function toCount(value: unknown): number {
  const number = value === undefined ? 0 : Number(value);
  return Number.isFinite(number) ? number : 0;
}

shapeInterface(ProgressEvent.prototype, 'ProgressEvent');
