import { NativeString, stringSlice } from './primordials.ts';

/** What a guest threw, as text. */
export interface Described {
  readonly name: string;
  readonly message: string;
  /** "" when there is none. */
  readonly stack: string;
}

const mostName = 200;
const mostMessage = 8 * 1024;
const mostStack = 16 * 1024;

/** Never throws, whatever a getter, a proxy or `toString` of the guest does; long texts are cut. */
export function describe(thrown: unknown): Described {
  if (typeof thrown === 'object' && thrown !== null) {
    const object = thrown as Record<string, unknown>;
    return {
      name: cut(read(object, 'name') ?? 'Error', mostName),
      message: cut(read(object, 'message') ?? plain(thrown), mostMessage),
      stack: cut(read(object, 'stack') ?? '', mostStack),
    };
  }
  return { name: 'Error', message: cut(plain(thrown), mostMessage), stack: '' };
}

function read(object: Record<string, unknown>, key: string): string | undefined {
  try {
    const value = object[key];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function plain(value: unknown): string {
  try {
    return NativeString(value);
  } catch {
    return 'a value that cannot be shown';
  }
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${stringSlice(text, 0, most)}…`;
}
