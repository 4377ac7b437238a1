import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { cli } from '#test/support/cli.ts';
import type { Ran } from '#test/support/cli.ts';
import { startAdmin, token } from '#test/support/admin-server.ts';
import type { TestAdmin } from '#test/support/admin-server.ts';

const handler = `exports.handler = async (event) => {
  if (event.throw) throw new RangeError(event.throw);
  console.warn('got', event.n);
  return { n: event.n };
};`;

interface Desk {
  readonly admin: TestAdmin;
  readonly dir: string;
  readonly run: (argv: readonly string[], stdin?: string | Uint8Array) => Promise<Ran>;
}

/** A memory host behind the admin API, and a folder whose .islet leads there. */
async function desk(test: Pick<typeof t, 'teardown' | 'testdir'>): Promise<Desk> {
  const admin = await startAdmin(test);
  const dir = test.testdir({ '.islet': { token: `${token}\n` }, 'fn.js': handler });
  await writeFile(join(dir, '.islet', 'host.json'), JSON.stringify({ adminUrl: admin.server.url }));
  const run = (argv: readonly string[], stdin: string | Uint8Array = ''): Promise<Ran> =>
    cli(argv, { cwd: dir, stdin });
  await admin.host.deploy(
    { files: { 'index.js': handler } },
    { name: 'fn', manifest: { vars: { MODE: 'a' } } },
  );
  return { admin, dir, run };
}

const json = ({ out }: Ran): unknown => JSON.parse(out);

void t.test('cli: the host is found by the data directory, by flags and by the environment', async (t) => {
  const { admin, dir } = await desk(t);
  const { url } = admin.server;
  const elsewhere = join(dir, 'elsewhere');
  await mkdir(elsewhere);
  t.equal((await cli(['list', '--dir', join(dir, '.islet')], { cwd: elsewhere })).code, 0);
  t.equal((await cli(['list', '--admin', url, '--token', token], { cwd: elsewhere })).code, 0);
  t.equal((await cli(['list', '--admin', `${url}/`, '--token', token], { cwd: elsewhere })).code, 0);
  t.equal((await cli(['list'], { cwd: elsewhere, env: { ISLET_ADMIN: url, ISLET_TOKEN: token } })).code, 0);
  const wrong = { ISLET_ADMIN: 'http://127.0.0.1:1', ISLET_TOKEN: 'wrong' };
  t.equal(
    (await cli(['list', '--admin', url, '--token', token], { cwd: dir, env: wrong })).code,
    0,
    'flags win',
  );
  t.match(await cli(['list'], { cwd: elsewhere }), { code: 1, err: /ERR_UNAUTHORIZED/ });
  t.match(await cli(['list', '--token', 'wrong'], { cwd: dir }), { code: 1, err: /ERR_UNAUTHORIZED/ });
  t.match(await cli(['list'], { cwd: dir, env: wrong }), { code: 1, err: /ERR_UNREACHABLE/ });
});

void t.test('cli: with --json an error is one JSON object on stderr', async (t) => {
  const { run } = await desk(t);
  const { code, out, err } = await run(['versions', 'none', '--json']);
  t.same({ code, out }, { code: 1, out: '' });
  t.match(JSON.parse(err), { error: { code: 'ERR_NO_FUNCTION' } });
  t.match(JSON.parse((await run(['versions', '--json'])).err), { error: { code: 'ERR_USAGE' } });
});

void t.test('cli: something else that answers there is said so', async (t) => {
  const { createServer } = await import('node:http');
  const server = createServer((_request, response) => response.writeHead(404).end('<html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}`;
  t.match(await cli(['list', '--admin', url, '--token', 'x']), { code: 1, err: /ERR_UNREACHABLE/ });
});

void t.test('cli: deploy bundles here and sends the bundle', async (t) => {
  const { admin, run, dir } = await desk(t);
  await mkdir(join(dir, 'Shop'));
  await writeFile(
    join(dir, 'Shop', 'index.ts'),
    `import { n } from './n';\nexports.handler = (): number => n;`,
  );
  await writeFile(join(dir, 'Shop', 'n.ts'), 'export const n: number = 42;');
  await writeFile(join(dir, 'Shop', 'islet.json'), '{ "vars": { "A": "1", "B": "1" } } // comment');
  const info = json(await run(['deploy', 'Shop', '--var', 'B=2', '--json'])) as {
    vars: string[];
    sourceBytes: number;
  };
  t.match(info, { function: 'shop', version: 1, weight: 100 });
  t.match(await run(['deploy', 'fn.js', '--name', 'other', '--no-activate']), { code: 0, out: /other@1/ });
  t.same(
    (await admin.host.list()).map(({ name }) => name),
    ['fn', 'shop', 'other'],
  );
});

void t.test('cli: a source that does not build is exit code 1 with file, line and column', async (t) => {
  const { run, dir } = await desk(t);
  await writeFile(join(dir, 'bad.ts'), 'export const handler = 1;\n\nlet x: = 2;\n');
  t.match(await run(['deploy', 'bad.ts']), { code: 1, out: '', err: /bad\.ts:3:8: [\s\S]*\(ERR_BUILD\)/ });
  t.match(await run(['deploy', 'nothing.ts']), { code: 1, err: /ERR_SOURCE_NOT_FOUND/ });
  await writeFile(join(dir, 'islet.json'), '{ "lmits": {} }');
  t.match(await run(['deploy', 'fn.js']), {
    code: 1,
    err: /islet\.json:1:\d+: [\s\S]*limits[\s\S]*ERR_MANIFEST/,
  });
});

void t.test('cli: invoke prints the result, logs on stderr, and fails with the handler', async (t) => {
  const { run } = await desk(t);
  const good = await run(['invoke', 'fn', '--data', '{"n":7}']);
  t.same([good.code, JSON.parse(good.out)], [0, { n: 7 }]);
  t.match(good.err, /fn@1 warn +got 7/);
  t.match(await run(['invoke', 'fn@1', '--data', '-'], '{"n":8}'), { code: 0, out: /"n": 8/ });
  const bad = await run(['invoke', 'fn', '--data', '{"throw":"too \\u001b[2J far"}']);
  t.same([bad.code, bad.out], [1, '']);
  t.match(bad.err, /RangeError: too \\x1b\[2J far \(ERR_GUEST_THREW\)/);
  const machine = await run(['invoke', 'fn', '--data', '{"throw":"x"}', '--json']);
  t.equal(machine.code, 1);
  t.match(json(machine), { outcome: { kind: 'threw' }, version: 1 });
  t.match(await run(['invoke', 'fn@9', '--data', '1']), { code: 1, err: /ERR_NO_VERSION/ });
});

void t.test('cli: list, versions, rollback, weights and delete move what they say', async (t) => {
  const { admin, run } = await desk(t);
  await admin.host.deploy({ files: { 'index.js': `${handler}//2` } }, { name: 'fn' });
  t.match(await run(['list']), { code: 0, out: /^NAME .*\nfn +@2 +2 / });
  t.match(json(await run(['list', '--json'])), [{ name: 'fn', weights: { 2: 100 } }]);
  t.match(await run(['versions', 'fn']), { out: /\n1 +0 % .*\n2 +100 % .*\/fn@2\// });
  t.match(json(await run(['versions', 'fn', '--json'])), [{ version: 1 }, { version: 2 }]);
  t.match(await run(['rollback', 'fn']), { code: 0, out: /version 1/ });
  t.match(await run(['rollback', 'fn@2']), { code: 0, out: /version 2/ });
  t.match(await run(['weights', 'fn', '1=90', '2=10%']), { code: 0, out: 'fn @1 90 %, @2 10 %\n' });
  t.match(await run(['weights', 'fn', '1=90', '2=20']), { code: 1, err: /ERR_BAD_INPUT/ });
  t.match(await run(['delete', 'fn@1']), { code: 1, err: /ERR_VERSION_IN_USE/ });
  await run(['weights', 'fn', '2=100']);
  t.equal((await run(['delete', 'fn@1'])).code, 0);
  t.equal((await run(['delete', 'fn'])).code, 0);
  t.match(await run(['list']), { code: 0, out: '' });
});

void t.test(
  'cli: secrets come from stdin without their line break and are listed by name only',
  async (t) => {
    const { admin, run } = await desk(t);
    t.equal((await run(['secret', 'put', 'fn', 'API_KEY'], 'hu\nsh\n')).code, 0);
    await admin.host.deploy(
      { files: { 'index.js': 'exports.handler = (e, c) => c.secrets' } },
      { name: 'fn' },
    );
    t.same((await admin.host.invoke('fn', {})).value, { API_KEY: 'hu\nsh' });
    const listed = await run(['secret', 'list', 'fn']);
    t.same(listed, { code: 0, out: 'API_KEY\n', err: '' });
    t.equal((await run(['secret', 'delete', 'fn', 'API_KEY'])).code, 0);
    t.match(await run(['secret', 'delete', 'fn', 'API_KEY']), { code: 1, err: /ERR_NO_SECRET/ });
  },
);

void t.test('cli: an empty secret is refused and what is stored stays', async (t) => {
  const { admin, run } = await desk(t);
  t.equal((await run(['secret', 'put', 'fn', 'KEY'], 'kept')).code, 0);
  for (const stdin of ['', '\n', '\r\n']) {
    t.match(await run(['secret', 'put', 'fn', 'KEY'], stdin), { code: 1, out: '', err: /ERR_BAD_INPUT/ });
    t.match(await run(['secret', 'put', 'fn', 'NEW'], stdin), { code: 1, out: '', err: /ERR_BAD_INPUT/ });
  }
  t.same((await run(['secret', 'list', 'fn'])).out, 'KEY\n');
  await admin.host.deploy({ files: { 'index.js': 'exports.handler = (e, c) => c.secrets' } }, { name: 'fn' });
  t.same((await admin.host.invoke('fn', {})).value, { KEY: 'kept' });
});

void t.test('cli: vars are listed, set and unset', async (t) => {
  const { run } = await desk(t);
  t.same((await run(['vars', 'list', 'fn'])).out, 'MODE=a\n');
  t.match(await run(['vars', 'set', 'fn', 'MODE=b', 'X=1=2']), { code: 0, out: /version 2/ });
  t.same(json(await run(['vars', 'list', 'fn', '--json'])), { MODE: 'b', X: '1=2' });
  t.equal((await run(['vars', 'unset', 'fn', 'X'])).code, 0);
  t.same(json(await run(['vars', 'list', 'fn', '--json'])), { MODE: 'b' });
});

void t.test(
  'cli: a kv value over its limit is refused with its code, whole bytes below it go in',
  async (t) => {
    const { admin, run, dir } = await desk(t);
    await writeFile(join(dir, 'most'), new Uint8Array(25 * 2 ** 20));
    await writeFile(join(dir, 'more'), new Uint8Array(25 * 2 ** 20 + 1));
    t.match(await run(['kv', 'put', 'big', 'a', '--file', 'most']), { code: 0 });
    t.match(await run(['kv', 'put', 'big', 'b', '--file', 'more']), { code: 1, err: /ERR_KV_VALUE/ });
    t.same(
      (await admin.host.kv.list('big')).keys.map(({ name }) => name),
      ['a'],
    );
  },
);

void t.test('cli: kv values go in and out byte by byte, and all pages of keys are listed', async (t) => {
  const { admin, run, dir } = await desk(t);
  t.equal((await run(['kv', 'put', 'ns', 'a/b ü', 'hello'])).code, 0);
  t.same((await run(['kv', 'get', 'ns', 'a/b ü'])).out, 'hello');
  await writeFile(join(dir, 'bytes'), new Uint8Array([0, 255, 10]));
  t.equal(
    (await run(['kv', 'put', 'ns', 'f', '--file', 'bytes', '--metadata', '{"m":1}', '--ttl', '60'])).code,
    0,
  );
  t.same(json(await run(['kv', 'get', 'ns', 'f', '--json'])), { base64: 'AP8K', metadata: { m: 1 } });
  t.equal((await run(['kv', 'put', 'ns', 'i'], await readFile(join(dir, 'bytes')))).code, 0);
  t.same((await admin.host.kv.get('ns', 'i'))?.value, Buffer.from([0, 255, 10]));
  t.same((await run(['kv', 'namespaces'])).out, 'ns\n');
  for (let i = 0; i < 1001; i += 1)
    await admin.host.kv.put('many', `k${String(i).padStart(4, '0')}`, new Uint8Array());
  t.equal((await run(['kv', 'list', 'many'])).out.split('\n').length - 1, 1001);
  t.match(await run(['kv', 'list', 'many', '--limit', '2']), { out: 'k0000\nk0001\n', err: /--cursor=/ });
  t.match(json(await run(['kv', 'list', 'many', '--limit', '1', '--json'])), {
    keys: [{ name: 'k0000' }],
    cursor: /./,
  });
  t.equal((await run(['kv', 'delete', 'ns', 'f'])).code, 0);
  t.equal((await run(['kv', 'get', 'ns', 'f'])).code, 1);
  t.equal((await run(['kv', 'put', 'ns', 'x', 'y', '--file', 'bytes'])).code, 2);
});

void t.test('cli: logs prints the tail and follows until it is stopped', async (t) => {
  const { admin, run, dir } = await desk(t);
  await admin.host.invoke('fn', { n: 1 });
  await admin.host.invoke('fn', { n: 'a\u001b]0;x\nb' });
  t.match(await run(['logs', 'fn']), {
    code: 0,
    out: /fn@1 warn +got 1\n.* warn +got a\\x1b\]0;x\n {4}b\n$/,
  });
  t.equal((await run(['logs', '--tail', '1'])).out.split('\n').length, 3);
  const stop = new AbortController();
  const following = cli(['logs', '-f', 'fn', '--tail', '0', '--json'], { cwd: dir, signal: stop.signal });
  while (admin.host.followers === 0) await sleep(2);
  await admin.host.invoke('fn', { n: 3 });
  await sleep(50);
  stop.abort();
  const { code, out } = await following;
  t.equal(code, 0);
  t.match(JSON.parse(out), { function: 'fn', message: 'got 3' });
  t.match(await run(['logs', 'none']), { code: 1, err: /ERR_NO_FUNCTION/ });
});

void t.test('cli: logs -f fails when the host goes away', async (t) => {
  const { admin, run } = await desk(t);
  const following = run(['logs', '-f']);
  while (admin.host.followers === 0) await sleep(2);
  await admin.server.close();
  t.match(await following, { code: 1, err: /ERR_CLOSING/ });
});

void t.test('cli: usage shows calls and what failed', async (t) => {
  const { admin, run } = await desk(t);
  await admin.host.invoke('fn', { n: 1 });
  await admin.host.invoke('fn', { throw: 'x' });
  t.match(await run(['usage', 'fn']), { code: 0, out: /\nfn@1 +2 +1 +1 \(threw 1\)/ });
  t.match(json(await run(['usage', '--json'])), [{ function: 'fn', invocations: 2 }]);
});

void t.test('cli: an interrupted call is exit code 130', async (t) => {
  const { admin, dir } = await desk(t);
  admin.host.list = () => new Promise(() => undefined);
  const stop = new AbortController();
  const running = cli(['list'], { cwd: dir, signal: stop.signal });
  await sleep(50);
  stop.abort();
  t.equal((await running).code, 130);
});
