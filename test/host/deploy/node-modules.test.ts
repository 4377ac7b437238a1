import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isBuiltin } from 'node:module';
import t from 'tap';
import { bundle } from '#host/deploy/bundle.ts';
import { nodeModuleNames } from '#host/deploy/node-modules.ts';
import { openTestHost } from '#test/support/host.ts';

const guests = join(import.meta.dirname, '../../guests/node');
const limits = { cpuMs: 2000, startupCpuMs: 5000 };

await t.test('node modules: a program says in a function what it says in Node', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  for (const file of await readdir(guests)) {
    const name = file.replace('.js', '');
    await t.test(name, async (t) => {
      const { run } = (await import(join(guests, file))) as { run: () => Promise<unknown> };
      const there: unknown = JSON.parse(JSON.stringify(await run()));
      await host.deploy(join(guests, file), { name: `node-${name}`, manifest: { limits } });
      const response = await host.fetch(`node-${name}`, new Request('http://guest/'));
      t.equal(response.status, 200);
      t.same(await response.json(), there);
    });
  }
});

await t.test(
  'node modules: contexts stay apart between calls at the same time, and end with them',
  async (t) => {
    const { host } = await openTestHost(t, { cells: 1 });
    const source = `
    import { AsyncLocalStorage } from 'async_hooks';
    const storage = new AsyncLocalStorage();
    export default { async fetch(request) {
      const id = new URL(request.url).pathname;
      const before = storage.getStore() ?? null;
      storage.enterWith(id);
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, i % 3));
      return Response.json([before, storage.getStore()]);
    } };`;
    await host.deploy({ files: { 'index.js': source } }, { name: 'als', manifest: { limits } });
    const ids = Array.from({ length: 40 }, (_, i) => `/${i}`);
    const seen = await Promise.all(
      ids.map(async (id) => (await host.fetch('als', new Request(`http://guest${id}`))).json()),
    );
    t.same(
      seen,
      ids.map((id) => [null, id]),
    );
  },
);

await t.test('node modules: CommonJS and ESM get the same module, with and without "node:"', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  const files = {
    'index.js': `
      import EventEmitter, { once } from 'events';
      import * as all from 'node:events';
      import { required, prefixed, Stream } from './old.cjs';
      export default { fetch: () => Response.json([
        EventEmitter === required, required === prefixed, all.default === required, once === required.once,
        typeof Stream.Readable, new Stream.PassThrough() instanceof EventEmitter,
      ]) };`,
    'old.cjs': `
      const required = require('events');
      class Own extends required {}
      new Own();
      module.exports = { required, prefixed: require('node:events'), Stream: require('stream') };`,
  };
  await host.deploy({ files }, { name: 'both', manifest: { limits } });
  const response = await host.fetch('both', new Request('http://guest/'));
  t.same(await response.json(), [true, true, true, true, 'function', true]);
});

await t.test(
  'node modules: what there is none of fails at deploy, with the module and its importer',
  async (t) => {
    for (const missing of ['node:fs', 'net', 'node:child_process', 'worker_threads', 'http2']) {
      const files = { 'index.js': `import './lib.js';`, 'lib.js': `\nimport x from '${missing}';\nx();` };
      await t.rejects(bundle({ files }), {
        code: 'ERR_BUILD',
        message: new RegExp(`lib\\.js:2:\\d+: Cannot import "${missing}".*buffer, .*stream`),
      });
    }
    const files = { 'index.js': `import { nothing } from 'node:path'; nothing();` };
    await t.rejects(bundle({ files }), { code: 'ERR_BUILD', message: /index\.js:1:\d+: .*nothing/ });
  },
);

await t.test('node modules: a package that is installed under the bare name is taken', async (t) => {
  const dir = t.testdir({
    'index.js': `import events from 'events'; import real from 'node:events'; export default { fetch: () => Response.json([events, typeof real]) };`,
    node_modules: {
      events: { 'package.json': '{"name":"events","main":"i.js"}', 'i.js': `module.exports = 'installed';` },
    },
  });
  const { host } = await openTestHost(t, { cells: 1 });
  await host.deploy(join(dir, 'index.js'), { name: 'installed' });
  t.same(await (await host.fetch('installed', new Request('http://guest/'))).json(), [
    'installed',
    'function',
  ]);
});

await t.test('node modules: who uses none carries none', async (t) => {
  const plain = await bundle({ files: { 'index.js': 'export default { fetch: () => new Response("x") };' } });
  t.ok(plain.sourceBytes < 200, 'neither Buffer nor timers');
  const one = await bundle({
    files: { 'index.js': 'import { join } from "node:path"; export const handler = () => join("a", "b");' },
  });
  t.ok(one.sourceBytes < 40_000);
  t.notMatch(one.code.source, /AsyncLocalStorage/);
  const text = await bundle({ files: { 'index.js': 'export const handler = async () => { await 1; };' } });
  t.match(text.code.source, /async/, 'async functions stay what they are');
});

await t.test('node modules: a bundle is the same wherever islet is, and warns of nothing', async (t) => {
  const files = {
    'index.js': nodeModuleNames
      .map((name, i) => `import * as m${i} from 'node:${name}';`)
      .concat(`export const handler = () => [${nodeModuleNames.map((_, i) => `m${i}`).join()}];`)
      .join('\n'),
  };
  const { code, warnings } = await bundle({ files });
  t.notMatch(code.source, /\.\.\/|\/node_modules\//, 'no path of this machine');
  t.same(warnings, []);
  for (const name of nodeModuleNames) t.ok(isBuiltin(`node:${name}`), name);
});
