import type { Variant } from './checkout.ts';

/** The name under which a file itself fails: it threw, timed out, or took its function with it. */
export const fileTest: string = '(file)';

export interface Subtest {
  readonly name: string;
  readonly status: string;
  /** Empty when it passed. */
  readonly message: string;
}

/** What one run of a variant gave. `subtests` ends with `fileTest` when the file failed as a whole. */
export interface Result {
  readonly variant: Variant;
  readonly subtests: readonly Subtest[];
  readonly wallMs: number;
}

/** The answer of the runner (test/guests/wpt/runner.js) as subtests. Throws TypeError for anything else. */
export function toSubtests(answer: unknown): readonly Subtest[] {
  const { status, message, tests } = answer as { status: unknown; message: unknown; tests: unknown };
  if (!Array.isArray(tests)) throw new TypeError('the runner gave no list of tests');
  const subtests = (tests as unknown[]).map((entry) => {
    const [name, result, text] = entry as readonly unknown[];
    return { name: String(name), status: String(result), message: String(text) };
  });
  if (status === 'OK') return subtests;
  return [...subtests, { name: fileTest, status: String(status), message: String(message) }];
}
