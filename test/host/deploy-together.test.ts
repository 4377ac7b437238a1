import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

await t.test('deploy: functions of cordons that are new do not stop each other from starting', async (t) => {
  const test = await openTestHost(t);
  // Its cell is there, and its cordon has no function that is live, while the others are committed.
  const slow = `const until = Date.now() + 1; for (let i = 0; i < 3e7; i++) Math.sqrt(i + until);
    export default { fetch: () => new Response('slow') }`;
  const quick = (n: number): string => `export default { fetch: () => new Response('quick ${n}') }`;
  const deployed = test.deploy('slow', slow, { cordon: 'slow', limits: { startupCpuMs: 10_000 } });
  for (let n = 0; n < 5; n++) await test.deploy('quick', quick(n), { cordon: 'quick' });
  await deployed;
  t.equal((await test.request('/slow/')).text, 'slow');
  t.equal((await test.request('/quick/')).text, 'quick 4');
});
