import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

const manifest = {
  bindings: { KV: { kind: 'kv', namespace: 'shared' } },
  limits: { subrequests: 500, cpuMs: 5000 },
};

const counts = `export default { async fetch(request, env) {
  const each = Number(new URL(request.url).searchParams.get('n') ?? 1);
  return Response.json(await Promise.all(Array.from({ length: each }, () => env.KV.increment('n'))));
} };`;

const edits = `export default { async fetch(request, env) {
  const word = new URL(request.url).searchParams.get('word');
  for (let tries = 1; ; tries++) {
    const { value, version } = await env.KV.getWithMetadata('list', 'json');
    const written = await env.KV.put('list', JSON.stringify([...(value ?? []), word]), { ifVersion: version });
    if (written.ok) return Response.json({ tries, version: written.version });
  }
} };`;

await t.test('kv: functions of one cordon in several cells', async (t) => {
  const { host, url, deploy } = await openTestHost(t, { cells: 2 });
  await deploy('one', counts, manifest);
  await deploy('two', counts, manifest);
  await deploy('edits', edits, manifest);
  await deploy('apart', counts, { ...manifest, cordon: 'partner' });

  await t.test('100 increments at once from two functions are all in the sum', async (t) => {
    const calls = Array.from({ length: 20 }, async (_, index) => {
      const response = await fetch(`${url}/${index % 2 === 0 ? 'one' : 'two'}/?n=5`);
      return (await response.json()) as number[];
    });
    const sums = (await Promise.all(calls)).flat().sort((a, b) => a - b);
    t.same(
      sums,
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
    t.equal(Buffer.from((await host.kv.get('shared', 'n'))?.value ?? []).toString(), '100');
  });

  await t.test('another cordon counts by itself', async (t) => {
    t.same(await (await fetch(`${url}/apart/`)).json(), [1]);
  });

  await t.test('read, change, put if it is still that version: no edit is lost', async (t) => {
    const words = Array.from({ length: 12 }, (_, index) => `w${index}`);
    await Promise.all(words.map(async (word) => (await fetch(`${url}/edits/?word=${word}`)).text()));
    const found = await host.kv.get('shared', 'list');
    const stored = JSON.parse(Buffer.from(found?.value ?? []).toString()) as string[];
    t.same(stored.toSorted(), words.toSorted());
  });

  await t.test('an error of increment reaches the guest with its code', async (t) => {
    await deploy(
      'fails',
      `export default { async fetch(request, env) {
        await env.KV.put('word', 'x');
        try { await env.KV.increment('word'); } catch (error) { return new Response(error.code); }
      } };`,
      manifest,
    );
    t.equal(await (await fetch(`${url}/fails/`)).text(), 'ERR_KV_VALUE');
  });
});
