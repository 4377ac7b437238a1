import { settled, upon } from './promises.ts';
import type { Source } from './readable-state.ts';

const nothing: Source = { pull: () => settled, cancel: () => settled };

/** The controller whose source is pulled. */
interface Hungry {
  /** The consumer wants more than there is. */
  readonly hungry: boolean;
  error(reason: unknown): void;
}

/** Pulls a controller's source, one pull at a time (Streams, 4.9.4 "CallPullIfNeeded"). */
export class Puller {
  readonly #control: Hungry;
  #source: Source;
  #pulling = false;
  #again = false;

  constructor(control: Hungry, source: Source) {
    this.#control = control;
    this.#source = source;
  }

  pullIfNeeded(): void {
    if (!this.#control.hungry) return;
    if (this.#pulling) {
      this.#again = true;
      return;
    }
    this.#pulling = true;
    upon(
      this.#source.pull(),
      () => {
        this.#pulling = false;
        if (!this.#again) return;
        this.#again = false;
        this.pullIfNeeded();
      },
      (reason) => this.#control.error(reason),
    );
  }

  cancel(reason: unknown): Promise<unknown> {
    const result = this.#source.cancel(reason);
    this.forget();
    return result;
  }

  /** The stream is over: what the source holds may be collected. */
  forget(): void {
    this.#source = nothing;
  }
}
