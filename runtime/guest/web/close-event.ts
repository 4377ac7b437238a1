import { Event } from './event.ts';
import { requireArguments, shapeInterface, toDictionary, toUsvString } from './webidl.ts';

/** WebSockets, 5. */
export class CloseEvent extends Event {
  readonly #wasClean: boolean;
  readonly #code: number;
  readonly #reason: string;

  constructor(type: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, 'new CloseEvent');
    super(type, init);
    const options = toDictionary(init, 'The second argument of an event');
    this.#code = Number(options.code ?? 0) & 0xffff;
    this.#reason = options.reason === undefined ? '' : toUsvString(options.reason);
    this.#wasClean = Boolean(options.wasClean);
  }

  get wasClean(): boolean {
    return this.#wasClean;
  }
  get code(): number {
    return this.#code;
  }
  get reason(): string {
    return this.#reason;
  }
}

shapeInterface(CloseEvent.prototype, 'CloseEvent');
