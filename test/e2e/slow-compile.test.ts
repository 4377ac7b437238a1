import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { codeOf } from '#test/host/deploy/opened.ts';
import { eventually, openTestHost } from '#test/support/host.ts';
import { quietCommand } from '#test/support/wasm-modules.ts';
import { slowModule } from '#test/support/wasm-slow.ts';
import { watGuest } from '#test/support/wasm-guests.ts';
import { withoutAddon } from '#test/support/wasm.ts';

/** Takes as long as the bound for a module of its size says: that is what this file waits for. */
void t.test(
  'compile: a module made to compile for ever is refused, while other deployments and calls go on',
  { skip: withoutAddon },
  async (t) => {
    const { host, dir, request, deploy } = await openTestHost(t);
    await host.deploy(watGuest('http'), { name: 'there' });
    const order: string[] = [];
    const module = slowModule(60_000);
    t.ok(module.length < 2 ** 20, 'a small one, as far as its size tells');
    const source = { files: { 'slow.wasm': module }, main: 'slow.wasm' };
    const slow = codeOf(host.deploy(source, { name: 'slow' })).finally(() => order.push('slow'));
    await eventually('it is being compiled', async () => {
      const names = await readdir(join(dir, 'code-cache/wasm/default'));
      return names.some((name) => name.endsWith('.tmp'));
    });
    await deploy('script', `export default { fetch: () => new Response('script') };`);
    t.equal((await request('/script/')).text, 'script');
    order.push('script');
    for (const name of ['one', 'two', 'three']) {
      await host.deploy({ files: { 'main.wat': quietCommand(name) } }, { name });
      order.push(name);
    }
    t.equal((await request('/there/')).text, 'Hello World!');
    t.equal(await slow, 'ERR_DEPLOY_FAILED');
    t.same(order, ['script', 'one', 'two', 'three', 'slow']);
    const names = await readdir(join(dir, 'code-cache/wasm/default'));
    t.same(
      names.filter((name) => name.endsWith('.tmp')),
      [],
      'nothing of it is left',
    );
    t.same(
      (await host.list()).map(({ name }) => name),
      ['one', 'script', 'there', 'three', 'two'],
    );
  },
);
