import { readFileSync } from 'node:fs';

let known: string | undefined;

/** islet's version, from its package.json: two folders up in a clone, three in the built package. */
export function isletVersion(): string {
  if (known !== undefined) return known;
  const up = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json';
  const { version } = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string };
  known = version;
  return version;
}
