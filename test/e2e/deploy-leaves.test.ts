import { readdir } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { codeOf } from '#test/host/deploy/opened.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { quietCommand, slowCommand } from '#test/support/wasm-modules.ts';
import { withoutAddon } from '#test/support/wasm.ts';

/** More than 1 MiB, for which there is one place on a small machine: two leave none on a larger one. */
const slow = (salt: string): string => `${slowCommand(25_000)};; ${salt}`;
const quick = (salt: string): string => quietCommand(salt) + ' '.repeat(2 ** 20);

/** How many artifacts are being written. */
async function underWay({ dir }: TestHost): Promise<number> {
  const names = await readdir(join(dir, 'code-cache/wasm/default'));
  return names.filter((name) => name.endsWith('.tmp')).length;
}

/** Sends a deployment to the admin API; `leave` hangs up. */
function send({ dir, adminUrl }: TestHost, name: string, module: string): { readonly leave: () => void } {
  const token = readFileSync(join(dir, 'token'), 'utf8').trim();
  const sent = request(`${adminUrl}/v1/functions/${name}/deployments`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  });
  sent.on('error', () => undefined);
  sent.end(JSON.stringify({ files: { 'main.wat': module } }));
  return { leave: () => sent.destroy() };
}

void t.test(
  'deploy: a client that leaves frees the place its module had',
  { skip: withoutAddon },
  async (t) => {
    const test = await openTestHost(t);
    await test.host.deploy({ files: { 'main.wat': quietCommand() } }, { name: 'first' });
    const clients = ['a', 'b', 'c'].map((name) => send(test, name, slow(name)));
    await eventually('one is being compiled', async () => (await underWay(test)) > 0);
    for (const { leave } of clients) leave();
    await eventually('none is', async () => (await underWay(test)) === 0);
    await test.host.deploy({ files: { 'main.wat': quick('next') } }, { name: 'next' });
    t.same(
      (await test.host.list()).map(({ name }) => name),
      ['first', 'next'],
      'what nobody waited for is not stored',
    );
    t.same(
      test.log.filter(({ level }) => level === 'error'),
      [],
    );
  },
);

void t.test(
  'deploy: a signal gives it up, and the same module is compiled for who still wants it',
  { skip: withoutAddon },
  async (t) => {
    const test = await openTestHost(t);
    const { host } = test;
    const gone = new AbortController();
    const module = { files: { 'main.wat': slow('') } };
    const given = host.deploy(module, { name: 'given-up', signal: gone.signal });
    await eventually('it is being compiled', async () => (await underWay(test).catch(() => 0)) > 0);
    const wanted = host.deploy(module, { name: 'wanted' });
    const reason = new Error('no more');
    gone.abort(reason);
    await t.rejects(given, reason);
    t.match(await wanted, { version: 1 });
    t.same(
      (await host.list()).map(({ name }) => name),
      ['wanted'],
    );
    await t.rejects(host.deploy(module, { name: 'late', signal: gone.signal }), reason);
    const script = { files: { 'index.js': 'export default { fetch: () => new Response("") };' } };
    await t.rejects(host.deploy(script, { name: 'late', signal: gone.signal }), reason, 'a script as well');
  },
);

void t.test(
  'deploy: more modules at once than may wait are refused, and others are not',
  { skip: withoutAddon },
  async (t) => {
    const { host } = await openTestHost(t);
    const gone = new AbortController();
    const codes: string[] = [];
    const all = Array.from({ length: 18 }, async (_, at) => {
      const source = { files: { 'main.wat': slow(`${at}`) } };
      codes.push(await codeOf(host.deploy(source, { name: `w-${at}`, signal: gone.signal })));
    });
    await eventually('two are refused', () => codes.length === 2);
    t.same(codes, ['ERR_DEPLOY_BUSY', 'ERR_DEPLOY_BUSY']);
    await host.deploy(
      { files: { 'index.js': 'export default { fetch: () => new Response("") };' } },
      { name: 'script' },
    );
    gone.abort();
    await Promise.all(all);
    t.match(await host.deploy({ files: { 'main.wat': quick('') } }, { name: 'refused' }), { version: 1 });
  },
);
