import { closest } from 'fastest-levenshtein';
import { parseFunctionName } from '#runtime/deployment.ts';

export interface FunctionConfig {
  readonly function: string;
  /** Absent: as the traffic goes. */
  readonly version?: number;
}

const keys: readonly string[] = ['function', 'version'];

/** Unknown to config. Throws a TypeError that says what would work. */
export function parseFunctionConfig(config: unknown): FunctionConfig {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new TypeError(`A function binding is ${typeof config}; use { "function": "other" }`);
  const unknown = Object.keys(config).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(
      `A function binding has an unknown key ${JSON.stringify(unknown)}; did you mean ${JSON.stringify(closest(unknown, keys))}?`,
    );
  }
  const { function: name, version } = config as Readonly<Record<string, unknown>>;
  if (name === undefined) throw new TypeError('A function binding names none; add "function": "other"');
  const parsed = { function: parseFunctionName(name) };
  if (version === undefined) return parsed;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 1)
    return { ...parsed, version };
  throw new TypeError(
    `Version ${JSON.stringify(version)} of a function binding is no version; use 1, 2, 3 …`,
  );
}
