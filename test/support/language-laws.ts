import t from 'tap';
import type { Test } from 'tap';
import { toStartError } from '#runtime/wasm/lambda-lines.ts';
import type { LanguageGuest } from './language-guest.ts';

/** Asks a guest's handler to do what a case is named for: the result, or letter, name and phase of its error. */
export type RunCase = (name: string, more?: object, context?: object) => Promise<unknown>;

/** What handlers of every language do alike: each check takes a guest whose source its test shows. */
export function caseRunner(guest: LanguageGuest): RunCase {
  return async (name, more = {}, context = {}) => {
    const { letter, json } = await guest.event({ do: name, ...more }, context);
    return letter === 'R' ? JSON.parse(json[0] as string) : [letter, json[0], json[3]];
  };
}

/** Fields of a handler's context, by Lambda's names, as test/support/language-guest.ts starts it. */
export const contextFields: Readonly<Record<string, string>> = {
  function_name: 'shop',
  function_version: '3',
  memory_limit_in_mb: '128',
  invoked_function_arn: 'arn:aws:lambda:local:000000000000:function:shop:3',
  log_group_name: '/aws/lambda/shop',
};
export const streamName: RegExp = /^\d{4}\/\d\d\/\d\d\/\[3\][0-9a-f]{32}$/;

/** Lambda's own example of the language. */
export async function answersExample(t: Test, guest: LanguageGuest): Promise<void> {
  const ending = await guest.request({});
  t.equal(ending.letter, 'A');
  t.strictSame(ending.json, [200, ['content-type', 'text/plain;charset=UTF-8'], 1, '"Hello from Lambda!"']);
  t.equal((await guest.ended()).code, 0);
}

/** A handler that answers 201 with the body turned round, as a picture, its path in a header and a cookie. */
export async function answersBinary(t: Test, guest: LanguageGuest): Promise<void> {
  const { json, bytes } = await guest.request(
    { m: 'POST', u: 'http://shop.localhost/a%20b?x=1', h: ['content-type', 'image/png'] },
    Uint8Array.of(0, 255, 10, 13, 128),
  );
  t.strictSame(json.slice(0, 2), [
    201,
    ['content-type', 'image/png', 'x-path', '/a%20b', 'set-cookie', 'a=b'],
  ]);
  t.strictSame([...bytes], [128, 13, 10, 255, 0]);
}

/** An event nested deeper than the language reads fails its own call; the case "counted" goes on from `count`. */
export async function survivesDepth(t: Test, run: RunCase, count: number): Promise<void> {
  const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown;
  t.strictSame(await run('echo', { deep }), ['Z', 'Runtime.UnmarshalError', 'handler']);
  t.equal(await run('counted'), count);
}

/** Sources that do not start, by name: the error's name, and what its stack shows. */
export type StartFaults = Readonly<Record<string, readonly [source: string, name: string, stack: RegExp]>>;

/** A test for each. */
export function testStartFaults(
  language: string,
  faults: StartFaults,
  open: (t: Test, source: string) => Promise<LanguageGuest>,
): void {
  for (const [name, [source, error, stack]] of Object.entries(faults)) {
    void t.test(`${language}: a start that fails (${name}) says where`, async (t) => {
      const guest = await open(t, source);
      const { code, errors } = await guest.ended();
      t.equal(code, 1);
      const failure = toStartError('exit code 1', errors);
      t.match(failure, { name: error, phase: 'startup', stack });
      t.notMatch(failure.stack, /\.islet/);
    });
  }
}
