/** One operation of a concurrent history; `began` and `ended` are places on one line of time, unlike each other. */
export interface Event<Op, Result> {
  readonly began: number;
  readonly ended: number;
  readonly op: Op;
  readonly result: Result;
}

/** What one key does when operations come one after the other. */
export interface Register<State, Op, Result> {
  readonly initial: State;
  /** The state after it when the result is the one it must have, else undefined. */
  step(state: State, op: Op, result: Result): State | undefined;
  /** The same text for equal states. */
  identify(state: State): string;
}

/**
 * Whether some order of the operations, in which none comes before one that ended before it began, gives every one the
 * result it had: the search of Wing and Gong (Testing and verifying concurrent objects, 1993), with Lowe's memory of what
 * was tried. At most 30 operations.
 */
export function isLinearizable<State, Op, Result>(
  history: readonly Event<Op, Result>[],
  register: Register<State, Op, Result>,
): boolean {
  if (history.length > 30) throw new RangeError('a history of more than 30 operations takes too long');
  const all = 2 ** history.length - 1;
  const tried = new Set<string>();
  const search = (done: number, state: State): boolean => {
    if (done === all) return true;
    const mark = `${done} ${register.identify(state)}`;
    if (tried.has(mark)) return false;
    tried.add(mark);
    const left = history
      .map((event, index) => ({ event, bit: 2 ** index }))
      .filter(({ bit }) => (done & bit) === 0);
    const firstEnd = Math.min(...left.map(({ event }) => event.ended));
    return left.some(({ event, bit }) => {
      if (event.began > firstEnd) return false;
      const next = register.step(state, event.op, event.result);
      return next !== undefined && search(done | bit, next);
    });
  };
  return search(0, register.initial);
}
