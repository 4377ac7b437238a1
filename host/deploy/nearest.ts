import { distance } from 'fastest-levenshtein';

/** `; did you mean "limits"?` for the nearest of `known`, or "" when none is near enough to be a slip of the pen. */
export function didYouMean(given: string, known: readonly string[]): string {
  const word = given.toLowerCase();
  let best: string | undefined;
  let least = Math.max(2, Math.floor(given.length / 2)) + 1;
  for (const candidate of known) {
    const steps = distance(word, candidate.toLowerCase());
    if (steps >= least) continue;
    least = steps;
    best = candidate;
  }
  return best === undefined ? '' : `; did you mean "${best}"?`;
}
