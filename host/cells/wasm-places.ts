/** A place that a module of any size may have, or one for small modules only. */
export type Place = 'any' | 'small';

export interface PlacesOptions {
  readonly any: number;
  readonly small: number;
}

interface Waiting {
  readonly small: boolean;
  readonly seat: (place: Place) => void;
}

/**
 * Who may compile now: first come, first served, but small modules have places that large ones never take, so that they
 * do not wait behind them. Whoever took a place gives it back.
 */
export class Places {
  readonly #free: Record<Place, number>;
  readonly #waiting: Waiting[] = [];

  constructor({ any, small }: PlacesOptions) {
    this.#free = { any, small };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when there is one; rejects with the signal's reason, nothing taken, when it aborts before that. */
  async take(small: boolean, signal?: AbortSignal): Promise<Place> {
    signal?.throwIfAborted();
    for (const place of small ? (['small', 'any'] as const) : (['any'] as const)) {
      if (this.#free[place] === 0) continue;
      this.#free[place]--;
      return place;
    }
    return await this.#wait(small, signal);
  }

  /** Hands the place to the first who may have it. */
  give(place: Place): void {
    const at = this.#waiting.findIndex(({ small }) => small || place === 'any');
    const [next] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (next === undefined) this.#free[place]++;
    else next.seat(place);
  }

  #wait(small: boolean, signal: AbortSignal | undefined): Promise<Place> {
    const { promise, resolve, reject } = Promise.withResolvers<Place>();
    const leave = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      reject(signal?.reason as Error);
    };
    const waiting: Waiting = {
      small,
      seat: (place) => {
        signal?.removeEventListener('abort', leave);
        resolve(place);
      },
    };
    signal?.addEventListener('abort', leave, { once: true });
    this.#waiting.push(waiting);
    return promise;
  }
}
