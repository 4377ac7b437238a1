import t from 'tap';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { buildSource, isWasmBuild, toSource } from '#host/deploy/build.ts';
import type { Build } from '#host/deploy/build.ts';
import type { WasmCode } from '#runtime/deployment.ts';
import { temporaryDir } from '#test/support/store-files.ts';
import { codeOf } from './opened.ts';

const moduleHead = Buffer.from('0061736d01000000', 'hex');
const componentHead = Buffer.from('0061736d0d000100', 'hex');

type Files = Readonly<Record<string, string | Uint8Array>>;

async function folder(t: Test, files: Files): Promise<string> {
  const root = join(temporaryDir(t), 'My_App');
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

function manifest(value: object): { readonly 'islet.json': string } {
  return { 'islet.json': JSON.stringify(value) };
}

async function wasm(files: Files): Promise<Build<WasmCode>> {
  const build = await buildSource({ files });
  if (isWasmBuild(build)) return build;
  throw new Error('not WebAssembly');
}

await t.test('build: the kind of guest is read off the first bytes', async (t) => {
  const command = await wasm({ 'main.wasm': moduleHead });
  t.same(command.code, {
    kind: 'wasm',
    module: new Uint8Array(moduleHead),
    program: { guest: 'command', protocol: 'cgi', reuse: 1, args: ['main.wasm'] },
    files: [],
  });
  t.equal(command.sourceBytes, 8);
  const component = await wasm({ 'main.wasm': componentHead });
  t.same(component.code.program, { guest: 'component', protocol: 'http', reuse: 1, args: [] });
});

await t.test('build: text is told from its first form, after comments', async (t) => {
  const texts: readonly (readonly [string, string])[] = [
    ['(module)', 'command'],
    ['(component)', 'component'],
    [';; (component\n(; (module (; ( ;) ;)\n\t( component $a)', 'component'],
    ['(componental)', 'command'],
    ['(func)', 'command'],
  ];
  for (const [text, guest] of texts) {
    t.equal((await wasm({ 'main.wat': text })).code.program.guest, guest, text);
  }
  for (const text of ['', 'module', ';; (module)', '(; (module', '\0asm']) {
    t.equal(await codeOf(wasm({ 'main.wat': text })), 'ERR_BUILD', JSON.stringify(text));
  }
  t.equal(await codeOf(wasm({ 'main.wat': Uint8Array.of(0x28, 0xff, 0xfe) })), 'ERR_BUILD', 'not UTF-8');
});

await t.test('build: what does not begin as WebAssembly is refused unread', async (t) => {
  const bad: readonly Uint8Array[] = [
    new Uint8Array(),
    moduleHead.subarray(0, 7),
    Buffer.from('0061736d02000000', 'hex'),
    Buffer.from('0061736d0a000100', 'hex'),
    Buffer.from('#!/bin/sh\nexit 0\n'),
    Buffer.from('7f454c4602010100', 'hex'),
  ];
  for (const bytes of bad) t.equal(await codeOf(wasm({ 'main.wasm': bytes })), 'ERR_BUILD');
});

await t.test('build: the manifest says what program a module is', async (t) => {
  const given = { protocol: 'events', args: ['-x', 'y z'] };
  const { code } = await wasm({
    'bin/app.wasm': moduleHead,
    ...manifest({ main: 'bin/app.wasm', wasm: given }),
  });
  t.same(code.program, { guest: 'command', protocol: 'events', reuse: 1, args: ['app.wasm', '-x', 'y z'] });
  const reused = await wasm({ 'main.wasm': componentHead, ...manifest({ wasm: { reuse: 9 } }) });
  t.equal(reused.code.program.reuse, 9);
});

await t.test('build: what makes no sense for an entry is refused', async (t) => {
  const script = { 'index.js': 'exports.handler = () => 1;' };
  const python = { 'app.py': 'def handler(event, context): return 1' };
  const cases: readonly (readonly [string, Files, object])[] = [
    ['a protocol for a component', { 'main.wasm': componentHead }, { wasm: { protocol: 'cgi' } }],
    ['arguments for a component', { 'main.wasm': componentHead }, { wasm: { args: ['a'] } }],
    [
      'a function for a component',
      { 'main.wasm': componentHead },
      { bindings: { OTHER: { kind: 'function', function: 'other' } } },
    ],
    ['files for a component', { 'main.wasm': componentHead }, { bindings: { FILES: { kind: 'assets' } } }],
    ['reuse of a command', { 'main.wasm': moduleHead }, { wasm: { reuse: 2 } }],
    ['a handler in a module', { 'main.wasm': moduleHead }, { main: 'main.wasm', handler: 'main.run' }],
    ['wasm for a script', script, { wasm: {} }],
    ['a handler for a script', script, { main: 'index.js', handler: 'index.handler' }],
    ['wasm for Python', python, { wasm: { protocol: 'lambda' } }],
  ];
  for (const [what, files, value] of cases) {
    t.equal(await codeOf(buildSource({ files: { ...files, ...manifest(value) } })), 'ERR_MANIFEST', what);
  }
});

await t.test('build: components have the bindings that WASI or the host brings to them', async (t) => {
  const bindings = { KV: { kind: 'kv' }, AUTH: { kind: 'auth' }, NOTIFY: { kind: 'notify' } };
  const component = await wasm({ 'main.wasm': componentHead, ...manifest({ bindings }) });
  t.equal(component.code.program.guest, 'component');
  const all = { ...bindings, OTHER: { kind: 'function', function: 'other' }, FILES: { kind: 'assets' } };
  const command = await wasm({ 'main.wasm': moduleHead, ...manifest({ bindings: all }) });
  t.equal(command.code.program.guest, 'command');
});

await t.test('build: limits.bundleBytes counts the module', async (t) => {
  const limit = (bundleBytes: number): Files => ({
    'main.wasm': moduleHead,
    ...manifest({ limits: { bundleBytes } }),
  });
  t.equal((await wasm(limit(8))).sourceBytes, 8);
  t.equal(await codeOf(wasm(limit(7))), 'ERR_DEPLOY_TOO_LARGE');
});

await t.test('build: a folder has its entry by name, scripts first', async (t) => {
  const order = ['index.ts', 'handler.js', 'index.wasm', 'app.wasm', 'module.wat'];
  const contents: Files = {
    'index.ts': 'export const handler = () => 1;',
    'handler.js': 'exports.handler = () => 1;',
    'index.wasm': moduleHead,
    'app.wasm': moduleHead,
    'module.wat': '(module)',
  };
  for (const [at, name] of order.entries()) {
    const left = Object.fromEntries(order.slice(at).map((each) => [each, contents[each] ?? '']));
    const build = await buildSource(await folder(t, left));
    t.match(build, { entry: name, nameHint: 'My_App' });
  }
  t.match(await buildSource(join(await folder(t, { 'Add.wasm': moduleHead }), 'Add.wasm')), {
    nameHint: 'Add',
  });
  t.equal(await codeOf(buildSource(await folder(t, { 'other.wasm': moduleHead }))), 'ERR_SOURCE_NOT_FOUND');
});

await t.test('build: a handler that names no file is refused', async (t) => {
  for (const handler of ['nothing.main', 'a/b.main', 'index.main']) {
    const files = { 'index.js': '1', ...manifest({ handler }) };
    t.equal(await codeOf(buildSource({ files })), 'ERR_SOURCE_NOT_FOUND', handler);
  }
});

await t.test('build: as source for another host it builds to the same', async (t) => {
  const value = {
    main: 'bin/app.wasm',
    name: 'shop',
    wasm: { protocol: 'lambda', args: ['a'] },
    vars: { A: '1' },
    bindings: { KV: { kind: 'kv', namespace: 'n' } },
  };
  const build = await wasm({ 'bin/app.wasm': moduleHead, ...manifest(value) });
  const sent = toSource(build);
  const again = await buildSource(sent);
  t.same(again.code, build.code);
  const { main: _, ...rest } = build.manifest;
  t.same(again.manifest, rest);
});
