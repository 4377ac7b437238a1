import t from 'tap';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle, stopBundler } from '#host/deploy/bundle.ts';
import { codeOf, failureOf, inline, load } from './bundled.ts';

t.teardown(() => stopBundler());

await t.test('bundle: a built-in module of Node is refused where it is imported', async (t) => {
  const files = {
    'index.js': "import './lib.js';\nimport fs from 'node:fs'; fs;",
    'lib.js': "const b = require('cluster'); b;",
  };
  const failure = await failureOf(inline(files));
  t.equal(failure.code, 'ERR_BUILD');
  t.match(failure.message, /^index\.js:2:16: .*"node:fs".*Node/m);
  t.match(failure.message, /^lib\.js:1:19: .*"cluster".*Node/m);
});

await t.test('bundle: modules of the network and missing packages are refused', async (t) => {
  for (const specifier of ['https://example.com/x.js', '//example.com/x.js', 'left-pad']) {
    const files = { 'index.js': `import x from '${specifier}'; x;` };
    const failure = await failureOf(inline(files));
    t.equal(failure.code, 'ERR_BUILD');
    t.match(failure.message, /^index\.js:1:15: /m, specifier);
    const late = await failureOf(inline({ ...files, 'index.js': `await import('${specifier}')` }));
    t.equal(late.code, 'ERR_BUILD', `import('${specifier}')`);
  }
});

await t.test('bundle: nothing outside the folder is read', async (t) => {
  const dir = t.testdir({
    'secret.txt': 'top secret',
    other: { 'package.json': '{ "name": "other" }', 'index.js': 'export default 1;' },
    app: {
      'up.js': "import s from '../secret.txt'; export default s;",
      'link.js': "import s from './link.txt'; export default s;",
      'abs.js': '',
      'paths.js': "import s from 'sneaky'; export default s;",
      'tsconfig.json': '{ "compilerOptions": { "paths": { "sneaky": ["../secret.txt"] } } }',
      'escape.js': t.fixture('symlink', '../other/index.js'),
      'link.txt': t.fixture('symlink', '../secret.txt'),
    },
  });
  for (const main of ['up.js', 'link.js', 'paths.js']) {
    const failure = await failureOf(join(dir, 'app'), { manifest: { main } });
    t.equal(failure.code, 'ERR_BUILD', main);
    t.match(failure.message, new RegExp(`^${main}:1:15: `, 'm'));
    t.notMatch(failure.message, 'top secret');
  }
  t.equal(await codeOf(join(dir, 'app'), { manifest: { main: 'escape.js' } }), 'ERR_SOURCE_NOT_FOUND');
});

await t.test('bundle: packages above the folder and linked workspaces are followed', async (t) => {
  const dir = t.testdir({
    node_modules: { above: { 'index.js': 'export default "above";' } },
    packages: {
      lib: {
        'package.json': '{ "main": "src/index.ts" }',
        src: { 'index.ts': "export { y } from './y.ts';", 'y.ts': 'export const y = 2;' },
      },
      app: { 'index.ts': "import a from 'above'; import { y } from '@me/lib'; export default [a, y];" },
    },
  });
  await mkdir(join(dir, 'node_modules/@me'));
  await symlink('../../packages/lib', join(dir, 'node_modules/@me/lib'));
  t.same((await load(join(dir, 'packages/app'))).default, ['above', 2]);
});

await t.test('bundle: inline files see neither packages nor settings of this machine', async (t) => {
  const failure = await failureOf(inline({ 'index.js': "import t from 'tap'; t;" }));
  t.equal(failure.code, 'ERR_BUILD');
  const outside = join(import.meta.dirname, 'fences.test.ts');
  t.equal(await codeOf(inline({ 'index.js': `import ${JSON.stringify(outside)};` })), 'ERR_BUILD');
  const settings = '{ // a comment\n "compilerOptions": { "jsx": "react", "jsxFactory": "h" } }';
  const jsx = 'const h = (tag: string): string => tag; export default <b/>;';
  t.equal((await load(inline({ 'index.tsx': jsx, 'tsconfig.json': settings }))).default, 'b');
  t.equal(await codeOf(inline({ 'index.ts': '1', 'tsconfig.json': '{' })), 'ERR_BUILD');
  const extended = t.testdir({
    'secret.json': '{ "version": 3, "sources": ["a"], "sourcesContent": ["top secret"] ',
  });
  const secret = join(extended, 'secret.json');
  const extending = JSON.stringify({ extends: secret });
  t.equal(await codeOf(inline({ 'index.ts': '1', 'tsconfig.json': extending })), 'ERR_BUILD');
  const nested = inline({ 'src/index.ts': 'export default 1;', 'src/tsconfig.json': extending });
  t.equal((await load(nested)).default, 1);
});

await t.test('bundle: a source map named by a file is read from among the files only', async (t) => {
  const map = (text: string): string =>
    JSON.stringify({
      version: 3,
      sources: ['first.ts'],
      sourcesContent: [text],
      names: [],
      mappings: 'AAAA',
    });
  const dir = t.testdir({ 'secret.map': map('top secret'), app: {} });
  const file = (url: string): string => `export default 1;\n//# sourceMappingURL=${url}\n`;
  const secret = join(dir, 'secret.map');
  const climbing = `../../../../../../../..${secret}`;
  await symlink(secret, join(dir, 'app/link.map'));
  for (const url of [
    secret,
    '../secret.map',
    'link.map',
    climbing,
    climbing.replaceAll('.', '%2e'),
    `file://${secret}`,
  ]) {
    const sent = await bundle(inline({ 'index.js': file(url) }));
    t.notMatch(sent.code.sourceMap, 'top secret', url);
    await writeFile(join(dir, 'app/index.js'), file(url));
    await writeFile(join(dir, 'app/islet.json'), '{}');
    const local = await bundle(join(dir, 'app'));
    t.notMatch(local.code.sourceMap, 'top secret', url);
  }
  const own = await bundle(inline({ 'index.js': file('index.js.map'), 'index.js.map': map('mine') }));
  t.match(own.code.sourceMap, 'mine');
});

await t.test('bundle: inline paths stay in their folder, and the folder is removed', async (t) => {
  const own = t.testdir({});
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = own;
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  for (const path of [
    '../a.js',
    '/a.js',
    'a/../../b.js',
    'a\\b.js',
    'C:/a.js',
    '',
    'a//b.js',
    './a.js',
    'a\0.js',
  ]) {
    t.equal(await codeOf(inline({ 'index.js': '', [path]: '' })), 'ERR_BAD_INPUT', JSON.stringify(path));
  }
  t.equal(await codeOf(inline({ a: '', 'a/b.js': '' })), 'ERR_BAD_INPUT');
  await bundle(inline({ 'index.js': '1' }));
  t.same(await readdir(own), []);
});
