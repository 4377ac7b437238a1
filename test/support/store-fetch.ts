import type { Test } from 'tap';
import type { Answer, Operation } from '#runtime/binding.ts';
import { createFetchBinding } from '#bindings/fetch/fetch.ts';
import { drained } from '#test/contract/binding.ts';

export interface FetchValue {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly redirected: boolean;
}

export type Fetch = (args: unknown, body?: Partial<Operation>) => Promise<Answer>;

/** `fetch` as one invocation has it, over connections of its own that go with the test. */
export function temporaryFetch(t: Test, signal: AbortSignal = new AbortController().signal): Fetch {
  const binding = createFetchBinding();
  t.teardown(() => binding.close());
  const grant = binding.grant({ invocationId: 'test', signal });
  return (args, body = {}) => grant.call({ method: 'fetch', args, ...body });
}

export function valueOf(answer: Answer): FetchValue {
  return answer.value as FetchValue;
}

export async function textOf(answer: Answer): Promise<string | undefined> {
  const bytes = await drained(answer);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

/** Every value of a header. */
export function headerValues(answer: Answer, name: string): readonly string[] {
  const { headers } = valueOf(answer);
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}
