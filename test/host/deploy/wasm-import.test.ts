import t from 'tap';
import { join } from 'node:path';
import { bundle, stopBundler } from '#host/deploy/bundle.ts';
import { namespace as wasm } from '#runtime/guest/wasm-native.ts';
import { adder, buildModule, i32 } from '#test/support/wasm-builder.ts';
import { codeOf, failureOf, inline, load } from './bundled.ts';

t.teardown(() => stopBundler());

/** Imports `./glue.js`, as modules of wasm-bindgen do: `twice(n)` asks its `double`. */
const linked = buildModule({
  types: [[[i32], [i32]]],
  imports: [['./glue.js', 'double', [0, 0]]],
  functions: [{ type: 0, code: [0x20, 0, 0x10, 0] }],
  exports: [['twice', 0, 1]],
});

const instanceOf = (module: unknown): { add(a: number, b: number): number } =>
  (new wasm.Instance(module) as { exports: unknown }).exports as never;

await t.test('bundle: a .wasm file is a WebAssembly.Module, with ?module too', async (t) => {
  for (const specifier of ['./add.wasm', './add.wasm?module']) {
    const files = { 'index.js': `import add from '${specifier}'; export default add;`, 'add.wasm': adder };
    const { default: module } = await load(inline(files));
    t.ok(module instanceof wasm.Module, specifier);
    t.equal(instanceOf(module).add(2, 3), 5);
  }
  const late = await load(
    inline({ 'index.js': `export const { default: m } = await import('./add.wasm');`, 'add.wasm': adder }),
  );
  t.ok(late['m'] instanceof wasm.Module, 'import()');
  const old = await load(
    inline({ 'index.cjs': `exports.m = require('./add.wasm').default;`, 'add.wasm': adder }),
  );
  t.ok((old['default'] as { m: unknown }).m instanceof wasm.Module, 'require()');
});

await t.test("bundle: a package's .wasm file is found by its exports", async (t) => {
  const dir = t.testdir({
    'index.js': `import add from 'adder/wasm'; import { add as named } from 'adder'; export { add, named };`,
    node_modules: {
      adder: {
        'package.json': '{ "name": "adder", "exports": { ".": "./glue.js", "./wasm": "./add.wasm" } }',
        'glue.js': `import module from './add.wasm'; export const { add } = new WebAssembly.Instance(module).exports;`,
      },
    },
  });
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(dir, 'node_modules/adder/add.wasm'), adder);
  const { add, named } = await load(dir);
  t.ok(add instanceof wasm.Module);
  t.equal((named as (a: number, b: number) => number)(4, 5), 9);
  const { inputs } = await bundle(dir);
  t.ok(inputs.includes(join(dir, 'node_modules/adder/add.wasm')), 'it is watched');
});

await t.test('bundle: exports are named exports of one instance', async (t) => {
  const { sum } = await load(
    inline({
      'index.js': `import { add } from './add.wasm'; export const sum = add(1, 2);`,
      'add.wasm': adder,
    }),
  );
  t.equal(sum, 3);
  const files = {
    'index.js': `import * as wasm from './it.wasm'; import { set, twice } from './glue.js'; set(wasm); export const four = twice(2);`,
    'glue.js': `let wasm; export function set(given) { wasm = given; } export const double = (n) => n * 2; export const twice = (n) => wasm.twice(n);`,
    'it.wasm': linked,
  };
  t.equal((await load(inline(files)))['four'], 4);
  const alone = { ...files, 'index.js': `import m from './it.wasm'; export default m;` };
  const { code } = await bundle(inline(alone));
  t.notMatch(code.source, 'WebAssembly.Instance', 'which is not made where nobody uses it');
  const { 'glue.js': _, ...without } = alone;
  t.ok((await load(inline(without)))['default'] instanceof wasm.Module, 'without its glue');
});

await t.test('bundle: a module nobody uses is not shipped, and one that is counts', async (t) => {
  const big = buildModule({ custom: [['pad', Array.from({ length: 10_000 }, () => 7)]] });
  const unused = await bundle(
    inline({ 'index.js': `import m from './big.wasm'; export default 1;`, 'big.wasm': big }),
  );
  t.ok(unused.sourceBytes < 1000);
  const files = { 'index.js': `import m from './big.wasm'; export default m;`, 'big.wasm': big };
  const used = await bundle(inline(files));
  t.ok(used.sourceBytes > 13_000);
  t.ok((used.code.sourceMap ?? '').length < 2000, 'the map does not hold it again');
  t.equal(
    await codeOf(inline(files), { manifest: { limits: { bundleBytes: 13_000 } } }),
    'ERR_DEPLOY_TOO_LARGE',
  );
});

await t.test('bundle: the same files give the same bytes wherever they lie', async (t) => {
  const files = { 'index.js': `import m from './add.wasm'; export default m;`, 'add.wasm': adder };
  const first = await bundle(inline(files));
  const second = await bundle(inline(files));
  t.equal(first.code.source, second.code.source);
  t.equal(first.code.sourceMap, second.code.sourceMap);
});

await t.test('bundle: what is no core module is refused where it is imported', async (t) => {
  const component = Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
  for (const bytes of [new Uint8Array(), new Uint8Array(8), component, adder.subarray(0, 27)]) {
    const failure = await failureOf(
      inline({ 'index.js': `import x from './a.wasm'; export { x };`, 'a.wasm': bytes }),
    );
    t.equal(failure.code, 'ERR_BUILD');
    t.match(failure.message, 'a.wasm');
  }
});

await t.test('bundle: a .wasm file outside the folder is not read', async (t) => {
  const dir = t.testdir({
    app: { 'index.js': `import m from '../add.wasm'; export default m;` },
    'add.wasm': '',
  });
  t.equal(await codeOf(join(dir, 'app')), 'ERR_BUILD');
});
