import { parseFunctionName } from '#runtime/deployment.ts';
import { UsageError } from './usage-error.ts';

/** A function, or one version of it. */
export interface Reference {
  readonly name: string;
  readonly version?: number;
}

/** `shop` or `shop@3`, as in the address `/shop@3/`. */
export function parseReference(text: string): Reference {
  const at = text.lastIndexOf('@');
  if (at === -1) return { name: parseName(text) };
  return { name: parseName(text.slice(0, at)), version: parseVersion(text.slice(at + 1)) };
}

export function parseName(text: string): string {
  try {
    return parseFunctionName(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function parseVersion(text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new UsageError(`Version ${JSON.stringify(text)} is not a number such as 3`);
}

/** `KEY=VALUE` pairs; the value may hold "=". */
export function parsePairs(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    throw new UsageError(`${JSON.stringify(text)} is not KEY=VALUE`);
  });
  return Object.fromEntries(pairs);
}
