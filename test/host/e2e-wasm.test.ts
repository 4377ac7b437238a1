import t from 'tap';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { HostOptions } from '#host/host.ts';
import { cli } from '#test/support/cli.ts';
import { openTestHost, temporaryDir } from '#test/support/host.ts';
import { command } from '#test/support/wasm-command.ts';
import { quietCommand } from '#test/support/wasm-modules.ts';
import { withoutAddon } from '#test/support/wasm.ts';
import type { TestHost } from '#test/support/host.ts';
import { codeOf } from './deploy/opened.ts';

const skip = withoutAddon;
const guests = join(import.meta.dirname, '../guests/wasm/wat');
const module = Buffer.from(command());

const open = (t: Test, options: HostOptions = {}): Promise<TestHost> => openTestHost(t, options);

const wat = { files: { 'main.wat': module } };

async function artifacts(dir: string, cordon: string = 'default'): Promise<readonly string[]> {
  const names = await readdir(join(dir, 'code-cache', 'wasm', cordon)).catch(() => []);
  return names.filter((name) => name.endsWith('.cwasm'));
}

void t.test('wasm: a command and a component answer over HTTP, in cells and without', { skip }, async (t) => {
  for (const isolation of ['cells', 'none'] as const) {
    const test = await open(t, { isolation });
    const info = await test.host.deploy(wat, { name: 'command' });
    t.match(info, { version: 1, weight: 100, sourceBytes: module.length });
    t.match(await test.request('/command/'), { status: 200, text: 'hello' });
    t.match(await test.request('/command/e', { method: 'POST', body: 'echo' }), {
      status: 200,
      text: 'echo',
    });
    await test.host.deploy(join(guests, 'http.wat'), { name: 'component' });
    t.match(await test.request('/component/'), { status: 200, text: 'Hello World!' });
    await test.deploy('script', 'export default { fetch: () => new Response("script") };');
    t.match(await test.request('/script/'), { status: 200, text: 'script' });
  }
});

void t.test(
  'wasm: versions, previews, rollback and deletion are those of any function',
  { skip },
  async (t) => {
    const test = await open(t);
    await test.host.deploy(wat, { name: 'fn' });
    await test.deploy('fn', 'export default { fetch: () => new Response("script") };');
    t.equal((await test.request('/fn/')).text, 'script');
    t.equal((await test.request('/fn@1/')).text, 'hello');
    await test.host.rollback('fn');
    t.equal((await test.request('/fn/')).text, 'hello');
    t.equal((await test.host.deploy(wat, { name: 'fn' })).version, 1, 'the same module is the same version');
    await test.host.vars.set('fn', { A: '1' });
    t.match(await test.host.versions('fn'), [{}, {}, { version: 3, vars: ['A'] }]);
    t.equal((await test.request('/fn/')).text, 'hello');
    await test.host.delete('fn');
    t.equal((await test.request('/fn/')).status, 404);
  },
);

void t.test('wasm: bad modules are refused by their codes, and the host goes on', { skip }, async (t) => {
  const test = await open(t);
  await test.host.deploy(wat, { name: 'good' });
  const pids = (await test.host.health()).cells.map(({ pid }) => pid);
  const bad: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['cut.wasm', Buffer.from('0061736d0100000001050160', 'hex'), 'ERR_BUILD'],
    ['text.wasm', 'hello', 'ERR_BUILD'],
    ['other-world.wat', await readFile(join(guests, 'other-world.wat')), 'ERR_BUILD'],
    ['unknown-import.wat', await readFile(join(guests, 'unknown-import.wat')), 'ERR_BUILD'],
    [
      'huge.wasm',
      Buffer.alloc(10 * 2 ** 20 + 1, Buffer.from('0061736d01000000', 'hex')),
      'ERR_DEPLOY_TOO_LARGE',
    ],
    ['traps.wat', await readFile(join(guests, 'traps-at-start.wat')), 'ERR_DEPLOY_FAILED'],
  ];
  for (const [main, content, code] of bad) {
    t.equal(
      await codeOf(test.host.deploy({ files: { [main]: content }, main }, { name: 'bad' })),
      code,
      main,
    );
  }
  t.same(
    (await test.host.list()).map(({ name }) => name),
    ['good'],
  );
  t.equal((await test.request('/good/')).text, 'hello');
  t.same(
    (await test.host.health()).cells.map(({ pid }) => pid),
    pids,
    'in the same cells',
  );
});

void t.test(
  'wasm: an artifact that somebody removes while the host runs is made again',
  { skip },
  async (t) => {
    const test = await open(t);
    await test.host.deploy(wat, { name: 'fn' });
    const [artifact = ''] = await artifacts(test.dir);
    await rm(join(test.dir, 'code-cache', 'wasm', 'default', artifact));
    t.equal((await test.request('/fn/')).text, 'hello', 'a cell that has it in memory needs no file');
    for (const { pid } of (await test.host.health()).cells) process.kill(pid, 'SIGKILL');
    t.equal((await test.request('/fn/')).text, 'hello');
    t.same(await artifacts(test.dir), [artifact]);
  },
);

void t.test(
  'wasm: after a restart artifacts are found, and made again when they are not',
  { skip },
  async (t) => {
    const first = await open(t);
    await first.host.deploy(wat, { name: 'fn' });
    const [artifact = ''] = await artifacts(first.dir);
    const folder = join(first.dir, 'code-cache', 'wasm', 'default');
    const second = await first.restart();
    t.equal((await second.request('/fn/')).text, 'hello');
    t.same(await artifacts(first.dir), [artifact]);
    // As after an upgrade of the engine.
    await rename(join(folder, artifact), join(folder, artifact.replace(/-[0-9a-f]+/, '-0123456789abcdef')));
    const third = await second.restart();
    t.equal((await third.request('/fn/')).text, 'hello');
    t.ok((await artifacts(first.dir)).includes(artifact));
    await rm(join(folder, artifact));
    await third.host.deploy(wat, { name: 'other' });
    t.equal((await third.request('/other/')).text, 'hello', 'also while the host runs');
  },
);

void t.test(
  'wasm: what belongs to no version is gone from the cache after a restart',
  { skip },
  async (t) => {
    const first = await open(t);
    await first.host.deploy(wat, { name: 'kept' });
    await first.host.deploy({ files: { 'main.wat': quietCommand('gone') } }, { name: 'gone' });
    t.equal((await artifacts(first.dir)).length, 2);
    await first.host.delete('gone');
    const second = await first.restart();
    t.equal((await artifacts(first.dir)).length, 1);
    t.equal((await second.request('/kept/')).text, 'hello');
  },
);

void t.test(
  'wasm: what a store has no room for is refused at deploy, with the reason',
  { skip },
  async (t) => {
    const test = await openTestHost(t);
    const tables = Array.from({ length: 40 }, () => '(table 1 funcref)').join('\n');
    const module = `(module (memory (export "memory") 1) ${tables} (func (export "_start")))`;
    await t.rejects(
      test.host.deploy({ files: { 'index.wat': module }, main: 'index.wat' }, { name: 'wide' }),
      {
        code: 'ERR_DEPLOY_FAILED',
        message: /more than an instance may have/,
      },
    );
  },
);

void t.test('wasm: functions of another cordon have a folder and cells of their own', { skip }, async (t) => {
  const test = await open(t);
  await test.host.deploy(wat, { name: 'here' });
  await test.host.deploy(wat, { name: 'there', manifest: { cordon: 'payments' } });
  t.equal((await test.request('/here/')).text, 'hello');
  t.equal((await test.request('/there/')).text, 'hello');
  t.same(await artifacts(test.dir, 'payments'), await artifacts(test.dir));
  t.same(
    new Set((await test.host.health()).cells.map(({ cordon }) => cordon)),
    new Set(['default', 'payments']),
  );
});

void t.test('wasm: the command line sends modules through the admin API', { skip }, async (t) => {
  const test = await open(t);
  const cwd = await temporaryDir(t);
  const admin = ['--admin', test.adminUrl, '--dir', test.dir];
  await writeFile(join(cwd, 'first.wat'), module);
  t.match(await cli(['deploy', 'first.wat', ...admin], { cwd }), {
    code: 0,
    out: /first version 1 answers/,
    err: '',
  });
  t.equal((await test.request('/first/')).text, 'hello');
  await mkdir(join(cwd, 'Second'));
  await writeFile(join(cwd, 'Second', 'app.wat'), module);
  await writeFile(join(cwd, 'Second', 'islet.json'), '{ "wasm": { "args": ["-v"] }, "vars": { "A": "1" } }');
  const second = await cli(['deploy', 'Second', '--json', ...admin], { cwd });
  t.match(JSON.parse(second.out), { function: 'second', vars: ['A'], sourceBytes: module.length });
  await writeFile(join(cwd, 'bad.wasm'), 'no wasm');
  t.match(await cli(['deploy', 'bad.wasm', ...admin], { cwd }), { code: 1, out: '', err: /ERR_BUILD/ });
});
