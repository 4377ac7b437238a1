import t from 'tap';
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { bundle, stopBundler, toInlineSource } from '#host/deploy/bundle.ts';
import { codeOf, failureOf, inline, load } from './bundled.ts';
import type { Files } from './bundled.ts';

t.teardown(() => stopBundler());

await t.test('bundle: a TypeScript module becomes one module without imports', async (t) => {
  const files = {
    'index.ts':
      "import { greet } from './lib/greet.ts';\nexport default { fetch: (): string => greet('you') };",
    'lib/greet.ts': 'export const greet = (name: string): string => `hello ${name}`;',
  };
  const module = (await load(inline(files))) as { default: { fetch(): string } };
  t.equal(module.default.fetch(), 'hello you');
});

await t.test('bundle: exports.handler of CommonJS is found on the default export', async (t) => {
  const source = 'exports.handler = async () => ({ statusCode: 200 });';
  const module = (await load(inline({ 'index.js': source }))) as { default: { handler(): unknown } };
  t.same(await module.default.handler(), { statusCode: 200 });
});

await t.test('bundle: text, JSON, JSX, top-level await and a dynamic import are bundled', async (t) => {
  const files = {
    'index.jsx': `
      import page from './page.html'; import style from './a.css'; import data from './data.json';
      const h = (tag) => tag;
      /** @jsx h */
      const late = await import('./late.js');
      export default [page, style, data.n, <b/>, late.value];`,
    'page.html': '<h1>é</h1>',
    'a.css': 'b { color: red }',
    'data.json': '{ "n": 7 }',
    'late.js': 'export const value = 3;',
  };
  t.same((await load(inline(files))).default, ['<h1>é</h1>', 'b { color: red }', 7, 'b', 3]);
});

await t.test('bundle: packages come from node_modules, for the edge where they have a choice', async (t) => {
  const lib = {
    'package.json': JSON.stringify({
      name: 'lib',
      exports: { node: './node.js', worker: './worker.js', default: './x.js' },
    }),
    'worker.js': "export const from = 'worker';",
    'node.js': "import 'node:fs'; export const from = 'node';",
    'x.js': "export const from = 'default';",
  };
  const old = {
    'package.json': JSON.stringify({ name: 'old', main: 'main.js', browser: { fs: false } }),
    'main.js':
      "const fs = require('fs'); let extra; try { extra = require('not-there'); } catch {}\nmodule.exports = [typeof fs.readFile, extra, process.env.NODE_ENV];",
  };
  const dir = t.testdir({
    'index.js': "import { from } from 'lib'; import old from 'old'; export default [from, ...old];",
    node_modules: { lib, old },
  });
  t.same((await load(dir)).default, ['worker', 'undefined', undefined, 'production']);
});

await t.test('bundle: a var NODE_ENV is left to the running function', async (t) => {
  const source = inline({ 'index.js': 'export default process.env.NODE_ENV;' });
  const { code } = await bundle(source, { manifest: { vars: { NODE_ENV: 'staging' } } });
  t.match(code.source, 'process.env.NODE_ENV');
});

await t.test('bundle: the entry is main, then package.json, then a known name', async (t) => {
  const files: Files = {
    'a.js': 'export default "a"',
    'b.js': 'export default "b"',
    'src/index.ts': 'export default "s"',
  };
  const pkg = '{ "main": "b.js" }';
  t.equal((await load(inline(files))).default, 's');
  t.equal((await load(inline({ ...files, 'package.json': pkg }))).default, 'b');
  t.equal((await load(inline({ ...files, 'package.json': '{ "main": "gone.js" }' }))).default, 's');
  t.equal(
    (await load(inline({ ...files, 'package.json': pkg, 'islet.json': '{ "main": "a.js" }' }))).default,
    'a',
  );
  t.equal((await load(inline({ ...files, 'islet.json': '{ "main": "a.js" }' }, 'b.js'))).default, 'b');
  for (const stem of ['index', 'handler', 'worker', 'main', 'src/index']) {
    for (const extension of ['.ts', '.tsx', '.mts', '.js', '.mjs', '.jsx', '.cjs']) {
      t.equal((await load(inline({ [stem + extension]: 'export default 1' }))).default, 1, stem + extension);
    }
  }
});

await t.test('bundle: a file takes the folder of its islet.json or package.json as its root', async (t) => {
  const dir = t.testdir({
    'islet.json': '{ "name": "shop", "main": "other.js" }',
    src: { 'api.ts': "import { x } from '../lib.ts'; export default x;", 'index.ts': 'export default 2;' },
    'lib.ts': 'export const x = 1;',
  });
  const made = await bundle(join(dir, 'src/api.ts'));
  t.equal(made.manifest.name, 'shop');
  t.equal(made.nameHint, 'api');
  t.same(made.inputs.map((path) => relative(dir, path)).sort(), ['lib.ts', 'src/api.ts']);
  t.equal((await bundle(join(dir, 'src/index.ts'))).nameHint, 'src');
});

await t.test('bundle: what is not there is refused by its name', async (t) => {
  const dir = t.testdir({ empty: {}, wrong: { 'islet.json': '{ "main": "a.js" }' } });
  t.equal(await codeOf(join(dir, 'nothing')), 'ERR_SOURCE_NOT_FOUND');
  t.match((await failureOf(join(dir, 'empty'))).message, /index.*\.ts/);
  const wrong = await failureOf(join(dir, 'wrong'));
  t.equal(wrong.code, 'ERR_SOURCE_NOT_FOUND');
  t.match(wrong.message, 'a.js');
  t.equal(await codeOf(inline({})), 'ERR_SOURCE_NOT_FOUND');
});

await t.test('bundle: every syntax error has file, line, column and its source line', async (t) => {
  const failure = await failureOf(
    inline({
      'src/index.ts': "import './a.ts';\nimport './b.ts';",
      'src/a.ts': "\n\n\tconst é = 'é'; let a = 1 x\n",
      'src/b.ts': 'let b = ;',
    }),
  );
  t.equal(failure.code, 'ERR_BUILD');
  t.match(failure.message, /^src\/a\.ts:3:27: /m);
  t.match(failure.message, /^src\/b\.ts:1:9: /m);
  t.match(failure.message, /^ {4}\tconst é = 'é'; let a = 1 x\n {4}\t {25}\^$/m);
  t.notMatch(failure.message, tmpdir());
});

await t.test('bundle: one byte over limits.bundleBytes is refused', async (t) => {
  const source = inline({ 'index.js': 'export default "é";' });
  const { sourceBytes, code } = await bundle(source);
  t.equal(sourceBytes, Buffer.byteLength(code.source));
  await bundle(source, { manifest: { limits: { bundleBytes: sourceBytes } } });
  const failure = await failureOf(source, { manifest: { limits: { bundleBytes: sourceBytes - 1 } } });
  t.equal(failure.code, 'ERR_DEPLOY_TOO_LARGE');
  t.match(failure.message, String(sourceBytes));
});

await t.test('bundle: the same files give the same bytes wherever they lie', async (t) => {
  const files = (): Record<string, string | Record<string, Record<string, string>>> => ({
    'index.ts': "import { b } from './b.cjs'; import c from 'c'; export default [b, c];",
    'b.cjs': 'exports.b = 1;',
    'package.json': '{}',
    node_modules: { c: { 'index.js': 'module.exports = 3;' } },
  });
  const dir = t.testdir({ one: files(), deeper: { still: { two: files() } } });
  const one = await bundle(join(dir, 'one'));
  const two = await bundle(relative(process.cwd(), join(dir, 'deeper/still/two')));
  t.same(one.code, two.code);
  t.notMatch(one.code.source + one.code.sourceMap, basename(dir));
  t.same(JSON.parse(one.code.sourceMap ?? '{}').sources.sort(), [
    'b.cjs',
    'index.ts',
    'node_modules/c/index.js',
  ]);
});

await t.test('bundle: as inline source it builds again, with the map of the first files', async (t) => {
  const dir = t.testdir({
    'handler.ts': 'exports.handler = (): number => 1;',
    'islet.json': '{ "main": "handler.ts", "bindings": { "KV": { "kind": "kv", "namespace": "n" } } }',
  });
  const first = await bundle(dir);
  const again = await bundle(toInlineSource(first));
  t.same(JSON.parse(again.code.sourceMap ?? '{}').sources, ['handler.ts']);
  t.same(again.manifest.bindings, first.manifest.bindings);
  const module = (await load(toInlineSource(first))) as { default: { handler(): number } };
  t.equal(module.default.handler(), 1);
});

await t.test('bundle: a Hono app deploys as it is', async (t) => {
  const dir = t.testdir({
    'index.ts':
      "import { Hono } from 'hono';\nconst app = new Hono();\napp.get('/', (c) => c.text('hi'));\nexport default app;",
    'islet.json': '{}',
  });
  const module = (await load(dir)) as { default: { fetch(request: Request): Promise<Response> } };
  const response = await module.default.fetch(new Request('http://x/'));
  t.equal(await response.text(), 'hi');
});

await t.test('bundle: the bundler leaves no child behind once stopped', async (t) => {
  const file = new URL('../../../host/deploy/bundle.ts', import.meta.url).href;
  const program = `
    import { readdirSync, readFileSync } from 'node:fs';
    const { bundle, stopBundler } = await import(${JSON.stringify(file)});
    await Promise.all([bundle({ files: { 'index.js': '1' } }), stopBundler()]);
    await bundle({ files: { 'index.js': '2' } });
    await stopBundler();
    console.log('stopped');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  t.equal(stdout, 'stopped\n');
});

await t.test('bundle: only this folder knows the bundler', async (t) => {
  const folder = new URL('../../../host/deploy/', import.meta.url);
  const importers: string[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.ts')) continue;
    const text = await readFile(new URL(name, folder), 'utf8');
    if (/^import (?!type).* from 'esbuild'/m.test(text)) importers.push(name);
  }
  t.same(importers, ['bundle.ts']);
});

void t.test('bundle: what a file holds says whether it is CommonJS, not a package.json', async (t) => {
  const above = t.testdir({
    'package.json': '{ "type": "module" }',
    fn: { 'index.js': `exports.handler = async () => require('./lib').one;`, 'lib.js': 'exports.one = 1;' },
    own: { 'package.json': '{ "type": "module" }', 'index.js': 'exports.handler = async () => 1;' },
    'single.js': 'exports.handler = async () => 1;',
    'module.js': 'export const handler = async () => 1;',
  });
  for (const path of ['fn', 'own', 'single.js', 'module.js']) {
    const module = await importText((await bundle(join(above, path))).code.source);
    const { handler } = { ...module, ...module.default };
    t.equal(await handler?.(), 1, path);
  }
});

interface Handlers {
  readonly handler?: () => Promise<number>;
  readonly default?: Handlers;
}

function importText(source: string): Promise<Handlers> {
  return import(`data:text/javascript,${encodeURIComponent(source)}`) as Promise<Handlers>;
}
