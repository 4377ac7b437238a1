import t from 'tap';
import { ThreadPolicy } from '#runtime/isolate/thread-policy.ts';

const quick = (policy: ThreadPolicy, entries: number): void => {
  for (let i = 0; i < entries; i++) policy.note(2, 1);
};

void t.test(
  'thread policy: a function is entered here after so many quick entries, not one fewer',
  async (t) => {
    const policy = new ThreadPolicy(32, 1000);
    quick(policy, 31);
    t.equal(policy.direct, false);
    quick(policy, 1);
    t.equal(policy.direct, true);
  },
);

void t.test(
  'thread policy: one entry over 2 ms a message sends it back, for twice as long each time',
  async (t) => {
    const policy = new ThreadPolicy(32, 1000);
    quick(policy, 32);
    policy.note(20, 10);
    t.equal(policy.direct, true, '10 messages may take 20 ms');
    policy.note(20.1, 10);
    t.equal(policy.direct, false);
    quick(policy, 63);
    t.equal(policy.direct, false);
    quick(policy, 1);
    t.equal(policy.direct, true);
    policy.note(3, 1);
    quick(policy, 127);
    t.equal(policy.direct, false);
    quick(policy, 1);
    t.equal(policy.direct, true);
  },
);

void t.test('thread policy: it never asks for more than 4096, and forgets in the end', async (t) => {
  const policy = new ThreadPolicy(32, 1000);
  for (let i = 0; i < 20; i++) policy.note(3, 1);
  quick(policy, 4095);
  t.equal(policy.direct, false);
  quick(policy, 1);
  t.equal(policy.direct, true);
  quick(policy, 4096 * 63);
  policy.note(3, 1);
  quick(policy, 64);
  t.equal(policy.direct, true, 'after 64 times as many the first figure holds again');
});

void t.test(
  'thread policy: what may run for more than a second never runs here, nor what may not at all',
  async (t) => {
    const late = new ThreadPolicy(0, 1000.1);
    quick(late, 10_000);
    t.equal(late.direct, false);
    t.equal(new ThreadPolicy(0, 1000).direct, true);
    const never = new ThreadPolicy(Infinity, 1000);
    quick(never, 10_000);
    t.equal(never.direct, false);
    const forbidden = new ThreadPolicy(32, 1000);
    forbidden.forbid();
    quick(forbidden, 10_000);
    t.equal(forbidden.direct, false);
  },
);
