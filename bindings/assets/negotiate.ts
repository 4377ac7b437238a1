import type { AssetFile } from './list.ts';

export type Coding = 'br' | 'gzip' | 'identity';

const entryPattern = /^[ \t]*([^;\s]+)[ \t]*(?:;[ \t]*q[ \t]*=[ \t]*([01](?:\.\d{0,3})?)[ \t]*)?$/i;

/**
 * The coding to send (RFC 9110, 12.5.3): the one with the highest q value that there is, brotli before gzip before none.
 * What cannot be met is answered with the file as it is.
 */
export function chooseCoding(accepted: string | undefined, file: AssetFile): Coding {
  if (accepted === undefined || (file.brotli === undefined && file.gzip === undefined)) return 'identity';
  const weights = weightsOf(accepted);
  const any = weights.get('*') ?? 0;
  const offers: readonly (readonly [Coding, number])[] = [
    ['br', file.brotli === undefined ? 0 : (weights.get('br') ?? any)],
    ['gzip', file.gzip === undefined ? 0 : (weights.get('gzip') ?? weights.get('x-gzip') ?? any)],
  ];
  // Not named, "identity" is what is left when nothing better is.
  let best: readonly [Coding, number] = ['identity', weights.get('identity') ?? 0];
  for (const offer of offers.toReversed()) if (offer[1] > 0 && offer[1] >= best[1]) best = offer;
  return best[0];
}

function weightsOf(accepted: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const entry of accepted.split(',')) {
    const [, name, q = '1'] = entryPattern.exec(entry) ?? [];
    if (name !== undefined) weights.set(name.toLowerCase(), Math.min(1, Number(q)));
  }
  return weights;
}
