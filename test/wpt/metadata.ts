/** What the `// META:` lines at the head of a test say. */
export interface Metadata {
  /** Scripts to run before it, as written. */
  readonly scripts: readonly string[];
  /** Query strings with "?", one run each; [''] where there are none. */
  readonly variants: readonly string[];
  readonly isLong: boolean;
  /** Where the test is meant to run, e.g. "window", "dedicatedworker". */
  readonly globals: readonly string[];
}

/** The globals of a function's kind: no window, not a worker shared by pages. */
const reachable: readonly string[] = ['worker', 'dedicatedworker', 'jsshell'];

/** Reads them as https://web-platform-tests.org/writing-tests/testharness.html#multi-global-tests has them. */
export function parseMetadata(source: string): Metadata {
  const scripts: string[] = [];
  const variants: string[] = [];
  let isLong = false;
  let globals: readonly string[] = ['window', 'dedicatedworker'];
  for (const line of source.split('\n')) {
    const match = /^\/\/\s*META:\s*(\w+)=(.*?)\s*$/.exec(line);
    if (match === null) {
      if (/^\s*(?:\/\/.*)?$/.test(line)) continue;
      break;
    }
    const [, key = '', value = ''] = match;
    if (key === 'script') scripts.push(value);
    if (key === 'variant') variants.push(value);
    if (key === 'timeout') isLong = value === 'long';
    if (key === 'global') globals = value.split(',').map((each) => each.trim());
  }
  return { scripts, variants: variants.length === 0 ? [''] : variants, isLong, globals };
}

/** Why no server-side runtime runs a test for these globals; undefined when it does. */
export function unreachable({ globals }: Metadata): string | undefined {
  if (globals.some((each) => reachable.includes(each))) return undefined;
  return `runs in ${globals.join(', ')} only`;
}
