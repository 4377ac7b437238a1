import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

// An interpreter takes seconds to compile, many on a busy machine.
t.setTimeout(240_000);

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

const everything = `export default { async fetch(request, env) {
  const act = new URL(request.url).searchParams.get('act');
  const { KV } = env;
  try {
    if (act === 'bulk') {
      await Promise.all(['a', 'b'].map((key) => KV.put('bulk/' + key, key.repeat(200_000), { metadata: { key } })));
      const found = await KV.getWithMetadata(['bulk/b', 'none', 'bulk/a'], 'text');
      return Response.json([...found].map(([key, { value, metadata }]) => [key, value?.length ?? null, metadata]));
    }
    if (act === 'list') {
      for (const key of ['1', '2', '3', '4']) await KV.put('list/' + key, key + '!');
      const range = { prefix: 'list/', start: 'list/2', end: 'list/4', reverse: true, values: true };
      return Response.json((await KV.list(range)).keys.map(({ name, value }) => [name, value]));
    }
    if (act === 'commit') {
      const { version } = await KV.getWithMetadata('doc');
      const large = 'x'.repeat(400_000);
      const checks = [{ key: 'doc', version }];
      const first = await KV.commit(checks, [{ key: 'doc', value: large }, { key: 'count', increment: 2 }]);
      const second = await KV.commit(checks, [{ key: 'doc', value: 'lost' }]);
      return Response.json([first.ok, first.sums, second, (await KV.get('doc')).length]);
    }
    if (act === 'watch') {
      const changes = KV.watch('news/');
      const stream = new ReadableStream({
        async pull(controller) {
          const { value, done } = await changes.next();
          if (done) return controller.close();
          controller.enqueue(new TextEncoder().encode(value.kind + ' ' + value.key + ';'));
        },
        cancel: () => changes.return(),
      });
      return new Response(stream);
    }
    const wrong = { badKey: () => KV.get(''), many: () => KV.get(Array(101).fill('k')), badList: () => KV.list({ limit: 'x' }),
      badCommit: () => KV.commit([], [{ key: 'k' }]), badWatch: async () => { for await (const _ of KV.watch('', { limit: -1 })); },
      read: () => KV.get('k'), write: () => KV.put('k', 'theirs') };
    return Response.json(await wrong[act]() ?? null);
  } catch (error) { return new Response(error.code ?? error.name); }
} };`;

await t.test('kv: everything else a function may do', async (t) => {
  const { host, url, deploy } = await openTestHost(t, { cells: 2 });
  await deploy('all', everything, manifest);
  const ask = async (act: string, name = 'all'): Promise<unknown> => {
    const text = await (await fetch(`${url}/${name}/?act=${act}`)).text();
    return /^[[{n]/.test(text) ? (JSON.parse(text) as unknown) : text;
  };

  await t.test(
    'many keys at once are one operation on the meter, also when their values are large',
    async (t) => {
      t.same(await ask('bulk'), [
        ['bulk/b', 200_000, { key: 'b' }],
        ['none', null, null],
        ['bulk/a', 200_000, { key: 'a' }],
      ]);
      const [usage] = await host.usage('all');
      t.equal(usage?.operations, 3, 'two puts and one get');
    },
  );

  await t.test('a range is listed backwards, with its values', async (t) => {
    t.same(await ask('list'), [
      ['list/3', '3!'],
      ['list/2', '2!'],
    ]);
  });

  await t.test('a commit writes values of any size and counts, and one that lost says to whom', async (t) => {
    t.same(await ask('commit'), [true, [null, 2], { ok: false, failed: 'doc' }, 400_000]);
    t.same(await ask('commit'), [true, [null, 4], { ok: false, failed: 'doc' }, 400_000]);
  });

  await t.test('what one function and the operator write, another one streams as it comes', async (t) => {
    const response = await fetch(`${url}/all/?act=watch`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await host.kv.put('shared', 'news/1', Buffer.from('x'));
    t.equal((await reader?.read())?.value, 'put news/1;');
    await host.kv.delete('shared', 'news/1');
    t.equal((await reader?.read())?.value, 'delete news/1;');
    await reader?.cancel();
  });

  await t.test('mistakes are TypeErrors, conditions have codes', async (t) => {
    const expected = {
      badKey: 'ERR_KV_KEY',
      many: 'ERR_KV_OPTION',
      badList: 'TypeError',
      badCommit: 'TypeError',
      badWatch: 'ERR_KV_OPTION',
    };
    for (const [act, name] of Object.entries(expected)) t.equal(await ask(act), name, act);
  });

  await t.test(
    'a namespace of another cordon needs a grant: to deploy, and for every operation',
    async (t) => {
      const foreign = { bindings: { KV: { kind: 'kv', namespace: 'default:shared' } }, cordon: 'partner' };
      await t.rejects(deploy('guest', everything, foreign), { code: 'ERR_NOT_GRANTED' });
      await host.kv.put('shared', 'k', Buffer.from('own'));
      await host.kv.grant('shared', 'partner', 'read');
      await deploy('guest', everything, foreign);
      t.equal(await ask('read', 'guest'), '"own"');
      t.equal(await ask('write', 'guest'), 'ERR_NOT_GRANTED');
      await host.kv.revoke('shared', 'partner');
      t.equal(await ask('read', 'guest'), 'ERR_NOT_GRANTED', 'also for the version that runs');
      await t.rejects(deploy('guest', `${everything}//2`, foreign), { code: 'ERR_NOT_GRANTED' });
      await t.rejects(
        deploy('guest', everything, foreign),
        { code: 'ERR_NOT_GRANTED' },
        'nor the same again',
      );
      const [before] = await host.versions('guest');
      t.equal(before?.weight, 100);
    },
  );
});

const python = `from islet import env

def lambda_handler(event, context):
    if event['do'] == 'watch':
        return env.KV.call('watch', {'prefix': 'py/', 'limit': 2, 'timeoutMs': 20000, 'whole': True})
    writes = [{'key': 'py/a', 'value': 'from Python'}, {'key': 'py/n', 'increment': 3}]
    return env.KV.call('commit', {'checks': [{'key': 'py/a', 'version': None}], 'writes': writes})
`;

await t.test('kv: commit and watch by the general call, from Python', { skip: withoutAddon }, async (t) => {
  const { host } = await openTestHost(t);
  const limits = { cpuMs: 10_000, startupCpuMs: 10_000, wallMs: 30_000 };
  await host.deploy({ files: { 'handler.py': python } }, { name: 'py', manifest: { ...manifest, limits } });
  const watching = host.invoke('py', { do: 'watch' });
  // The watch has no sign of its own before the first change: write until it has heard two.
  const heard = new AbortController();
  void watching.finally(() => heard.abort());
  for (let round = 0; !heard.signal.aborted; round++) {
    await host.kv.put('shared', `py/${round % 2}`, Buffer.from('x'));
    await sleep(50);
  }
  t.match(await watching, { value: [{ kind: 'put', key: /^py\// }, { kind: 'put' }] });
  t.match(await host.invoke('py', { do: 'commit' }), { value: { ok: true, sums: [null, 3] } });
  t.match(await host.invoke('py', { do: 'commit' }), { value: { ok: false, failed: 'py/a' } });
  t.equal(Buffer.from((await host.kv.get('shared', 'py/a'))?.value ?? []).toString(), 'from Python');
});
