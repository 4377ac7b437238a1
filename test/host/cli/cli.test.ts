import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { CliProcess } from '#test/support/cli.ts';
import type { Ran } from '#test/support/cli.ts';

const free = ['--port', '0', '--admin-port', '0', '--cells', '1'];

interface Running {
  readonly url: string;
  readonly adminUrl: string;
  readonly functions: readonly string[];
}

async function startHost(
  t: { teardown(fn: () => unknown): unknown },
  cwd: string,
): Promise<{ readonly host: CliProcess; readonly running: Running }> {
  const host = new CliProcess(['host', ...free, '--json'], { cwd });
  t.teardown(() => host.child.kill('SIGKILL'));
  const [line] = await host.until(/^\{.*\}$/m);
  return { host, running: JSON.parse(line) as Running };
}

function islet(cwd: string, ...argv: readonly string[]): Promise<Ran> {
  return new CliProcess(argv, { cwd }).ended();
}

const sources = {
  'hello.js':
    'export default { fetch: (request) => new Response(`hello ${new URL(request.url).pathname}`) };',
  'sum.ts': `export const handler = async (event: { readonly a: number }): Promise<number> => {
    console.log('a is', event.a);
    if (event.a > 9) throw new RangeError('too far');
    return event.a + 1;
  };`,
};

void t.test('host: deploy, call, invoke, stop, and all is there again at the next start', async (t) => {
  const cwd = t.testdir(sources);
  const first = await startHost(t, cwd);
  t.match(await islet(cwd, 'deploy', 'hello.js'), { code: 0, out: /hello version 1/ });
  t.match(await islet(cwd, 'deploy', 'sum.ts', '--name', 'add'), { code: 0, out: /add version 1/ });
  t.equal(await (await fetch(`${first.running.url}/hello/x`)).text(), 'hello /x');
  t.match(await islet(cwd, 'invoke', 'add', '--data', '{"a":1}'), { code: 0, out: '2\n', err: /a is 1/ });
  t.match(await islet(cwd, 'invoke', 'add', '--data', '{"a":10}'), {
    code: 1,
    out: '',
    err: /RangeError: too far/,
  });
  t.match(await islet(cwd, 'logs', 'add'), { code: 0, out: /a is 1[\s\S]*a is 10/ });
  const usage = JSON.parse((await islet(cwd, 'usage', 'add', '--json')).out) as unknown;
  t.match(usage, [{ invocations: 2, outcomes: { returned: 1, threw: 1 } }]);
  t.equal((await stat(join(cwd, '.islet', 'token'))).mode & 0o777, 0o600);
  t.match(await first.host.stop('SIGINT'), { code: 0, err: '' });

  const second = await startHost(t, cwd);
  t.same([...second.running.functions].sort(), ['add', 'hello']);
  t.equal(await (await fetch(`${second.running.url}/hello/y`)).text(), 'hello /y');
  t.equal((await second.host.stop('SIGTERM')).code, 0);
  t.notOk(existsSync(join(cwd, '.islet', 'host.json')));
});

void t.test('host: what runs is said, with a line to try for each function', async (t) => {
  const cwd = t.testdir(sources);
  const { host } = await startHost(t, cwd);
  await islet(cwd, 'deploy', 'hello.js');
  await host.stop();
  const person = new CliProcess(['host', ...free], { cwd });
  const { out } = await person.until(/Ctrl-C/).then(() => person.stop());
  t.match(out, /gateway +http:\/\/127\.0\.0\.1:\d+\n +admin +http:\/\/127\.0\.0\.1:\d+\n/);
  t.match(out, `token    ${join(cwd, '.islet', 'token')}`);
  t.match(out, /hello +curl http:\/\/hello\.localhost:\d+\/\n/);
  t.notMatch(out, '\u001b', 'no colours where there is no terminal');
});

void t.test(
  'host: a port in use, a directory in use and a damaged store are one line and exit code 1',
  async (t) => {
    const cwd = t.testdir({ broken: 'this is no database '.repeat(500) });
    const { running } = await startHost(t, cwd);
    const rows: readonly (readonly [readonly string[], string])[] = [
      [['--dir', '.islet', ...free], 'ERR_STORE_LOCKED'],
      [['--dir', 'other1', '--cells', '1', '--port', new URL(running.url).port], 'ERR_PORT_IN_USE'],
      [
        ['--dir', 'other2', '--cells', '1', '--port', '0', '--admin-port', new URL(running.adminUrl).port],
        'ERR_PORT_IN_USE',
      ],
      [['--dir', 'other3', '--store', './broken', ...free], 'ERR_STORE_CORRUPT'],
      [['--dir', 'other3', '--store', 'redis', ...free], 'ERR_BAD_INPUT'],
      [['--dir', 'broken', ...free], 'ERR_DATA_DIR'],
      [['--dir', 'other4', '--sandbox', 'require', ...free], 'ERR_SANDBOX'],
    ];
    const tries = rows.map(async ([flags, code]) => ({ code, ran: await islet(cwd, 'host', ...flags) }));
    for (const { code, ran } of await Promise.all(tries)) {
      t.same([ran.code, ran.out], [1, ''], `${code} ${ran.err}`);
      t.match(ran.err, new RegExp(`^islet: [^\\n]+ \\(${code}\\)\\n$`));
    }
    t.equal(await readFile(join(cwd, 'broken'), 'utf8'), 'this is no database '.repeat(500));
  },
);

void t.test('host: --store names the database, and the token outlives a restart', async (t) => {
  const cwd = t.testdir(sources);
  const start = async (): Promise<CliProcess> => {
    const host = new CliProcess(['host', ...free, '--store', './functions.db', '--json'], { cwd });
    t.teardown(() => host.child.kill('SIGKILL'));
    await host.until(/^\{.*\}$/m);
    return host;
  };
  const token = (): Promise<string> => readFile(join(cwd, '.islet', 'token'), 'utf8');
  const first = await start();
  t.equal((await islet(cwd, 'deploy', 'hello.js')).code, 0);
  const before = await token();
  await first.stop();
  t.ok(existsSync(join(cwd, 'functions.db')));
  t.notOk(existsSync(join(cwd, '.islet', 'islet.db')));
  const second = await start();
  t.equal(await token(), before);
  t.match(await islet(cwd, 'list', '--token', before.trim()), { code: 0, out: /hello/ });
  t.equal((await second.stop()).code, 0);
});

void t.test(
  'deploy: a top level that throws is exit code 1, and what answered before still does',
  async (t) => {
    const cwd = t.testdir(sources);
    const { running } = await startHost(t, cwd);
    t.equal((await islet(cwd, 'deploy', 'hello.js')).code, 0);
    await writeFile(join(cwd, 'hello.js'), 'throw new RangeError("no good"); export default { fetch() {} };');
    t.match(await islet(cwd, 'deploy', 'hello.js'), {
      code: 1,
      out: '',
      err: /RangeError: no good[\s\S]*\(ERR_DEPLOY_FAILED\)/,
    });
    t.equal(await (await fetch(`${running.url}/hello/z`)).text(), 'hello /z');
    t.match(JSON.parse((await islet(cwd, 'versions', 'hello', '--json')).out), [{ version: 1, weight: 100 }]);
  },
);

void t.test('bench: its flags are its own, and so are its exit codes', async (t) => {
  const cwd = t.testdir({});
  t.match(await islet(cwd, 'bench', '--help'), { code: 0, out: /--only/ });
  t.match(await islet(cwd, 'bench', '--only', 'luck'), { code: 2, out: '', err: /^islet bench: .*luck/ });
});

void t.test(
  'host: with --trust-proxy the proxy says who the client is, without it nobody does',
  async (t) => {
    const cwd = t.testdir({
      'seen.js': `export default { fetch: ({ url, headers }) =>
      new Response(url.split(':')[0] + ' ' + headers.get('x-forwarded-for')) };`,
    });
    const headers = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' };
    const answers: string[] = [];
    for (const flags of [['--trust-proxy'], []]) {
      const host = new CliProcess(['host', ...free, '--json', ...flags], { cwd });
      t.teardown(() => host.child.kill('SIGKILL'));
      const [line] = await host.until(/^\{.*\}$/m);
      await islet(cwd, 'deploy', 'seen.js');
      answers.push(await (await fetch(`${(JSON.parse(line) as Running).url}/seen/`, { headers })).text());
      await host.stop();
    }
    t.same(answers, ['https 203.0.113.7, 127.0.0.1', 'http 127.0.0.1']);
  },
);

void t.test('dev: deploys on save, shows errors and logs inline, goes on with what ran', async (t) => {
  const cwd = t.testdir({ app: { 'index.ts': program('one') } });
  const dev = new CliProcess(['dev', 'app', ...free], { cwd });
  t.teardown(() => dev.child.kill('SIGKILL'));
  const [, address = ''] = await dev.until(/app at (http:\S+)/);
  const url = `http://127.0.0.1:${new URL(address).port}/app/`;
  const get = async (): Promise<string> => (await fetch(url)).text();
  await dev.until(/version 1 answers/);
  t.equal(await get(), 'one');
  await dev.until(/app@1 log +called one/);
  await writeFile(join(cwd, 'app', 'index.ts'), program('two'));
  await dev.until(/version 2 answers/);
  t.equal(await get(), 'two');
  await writeFile(join(cwd, 'app', 'index.ts'), 'export default {');
  await dev.until(/index\.ts:1:\d+: [\s\S]*ERR_BUILD/);
  t.equal(await get(), 'two');
  await writeFile(join(cwd, 'app', 'index.ts'), program('three'));
  await dev.until(/version 3 answers/);
  t.equal(await get(), 'three');
  t.equal((await dev.stop()).code, 0);
});

void t.test('dev --json: every event is one object a line on stdout, failures too', async (t) => {
  const cwd = t.testdir({ app: { 'index.ts': program('one') } });
  const dev = new CliProcess(['dev', 'app', '--json', ...free], { cwd });
  t.teardown(() => dev.child.kill('SIGKILL'));
  await dev.until(/"kind":"deployed"/);
  const [listening] = events(dev.out);
  t.match(listening, { kind: 'listening', name: 'app', url: /^http:/, adminUrl: /^http:/, pid: Number });
  t.equal(await (await fetch(`${String(listening?.['url'])}/app/`)).text(), 'one');
  await dev.until(/"kind":"log"/);
  await writeFile(join(cwd, 'app', 'index.ts'), 'export default {');
  await dev.until(/"kind":"failed"/);
  t.equal((await dev.stop()).code, 0);
  t.match(events(dev.out), [
    { kind: 'listening' },
    { kind: 'deployed', version: 1, ms: Number },
    { kind: 'log', function: 'app', version: 1, level: 'log', message: 'called one' },
    { kind: 'failed', error: { code: 'ERR_BUILD', message: String } },
  ]);
  t.equal(dev.err, '');
});

void t.test('doctor: the layers of L1 hold, and require is told that L2 does not', async (t) => {
  const cwd = t.testdir({});
  const { code, out } = await islet(cwd, 'doctor', '--json');
  t.equal(code, 0);
  t.match(JSON.parse(out), { level: 'L1' });
  const { layers } = JSON.parse(out) as { layers: { level: string; state: string; name: string }[] };
  t.same(
    layers.filter(({ level, state }) => level !== 'L2' && state !== 'yes'),
    [],
  );
  t.match(await islet(cwd, 'doctor', '--sandbox', 'require'), { code: 1, out: /Isolation level L1/ });
});

function program(word: string): string {
  return `export default { fetch() { console.log('called ${word}'); return new Response('${word}' as string); } };`;
}

function events(out: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = out.slice(0, out.lastIndexOf('\n') + 1).trimEnd();
  return lines.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}
