import type { Test } from 'tap';
import type { Answer, Operation } from '#runtime/binding.ts';
import { createFetchBinding } from '#bindings/fetch/fetch.ts';
import type { Resolve } from '#bindings/fetch/guard.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import type { DeploymentId, EgressPolicy, FunctionName } from '#runtime/deployment.ts';
import type { Origin } from '#runtime/functions.ts';
import { drained } from '#test/contract/binding.ts';
import { asked } from './asked.ts';

export interface FetchValue {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly redirected: boolean;
}

export type Fetch = (args: unknown, body?: Partial<Operation>) => Promise<Answer>;

export interface FetchSetting {
  readonly signal?: AbortSignal;
  /** Default: open, and loopback granted. */
  readonly egress?: Partial<EgressPolicy>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** What the operator allows. Default true. */
  readonly allowPrivate?: boolean;
  readonly resolve?: Resolve;
  readonly origin?: Partial<Origin>;
}

/** `fetch` as one invocation has it, over connections of its own that go with the test. */
export function temporaryFetch(t: Test, setting: FetchSetting = {}): Fetch {
  const { resolve, allowPrivate = true, signal = new AbortController().signal } = setting;
  const binding = createFetchBinding({ allowPrivate, ...(resolve === undefined ? {} : { resolve }) });
  t.teardown(() => binding.close());
  const egress = { ...defaultEgress, private: ['127.0.0.1', 'localhost', '[::1]'], ...setting.egress };
  const deployment = {
    id: 'test' as DeploymentId,
    function: 'shop' as FunctionName,
    egress,
    limits: defaultLimits,
  };
  const origin = { depth: 0, ...setting.origin };
  const attachment = binding.attach(deployment, setting.secrets ?? {});
  const grant = asked(attachment.grant({ invocationId: 'test', signal, origin }));
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
