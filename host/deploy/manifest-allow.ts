import { allowances } from '#runtime/allowance.ts';
import type { Allowance } from '#runtime/allowance.ts';
import { text, toKind } from './manifest-values.ts';
import type { Report } from './manifest-values.ts';
import { didYouMean } from './nearest.ts';

/** The `allow` list of a manifest. */
export function checkAllow(value: unknown, report: Report): readonly Allowance[] | undefined {
  if (!Array.isArray(value)) return report(['allow'], `allow is a list, this is ${toKind(value)}`);
  const allow: Allowance[] = [];
  for (const [index, entry] of (value as unknown[]).entries()) {
    const word = text(entry, ['allow', index], report);
    const known = allowances.find((each) => each === word);
    if (known !== undefined) allow.push(known);
    else if (word !== undefined) report(['allow', index], `nothing is called "${word}"${suggest(word)}`);
  }
  return allow;
}

function suggest(word: string): string {
  const nearest = didYouMean(word, allowances);
  return nearest === '' ? `; there are ${allowances.map((each) => `"${each}"`).join(', ')}` : nearest;
}
