import t from 'tap';
import { execFile } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { temporaryDir } from '#test/support/host.ts';

const root = join(import.meta.dirname, '../..');
/** Not copied: the addon and what it is built from. */
const left: ReadonlySet<string> = new Set(['prebuilds', 'native']);

const program = `
import { createHost } from '#host/index.ts';
const host = await createHost({ dir: process.argv[2], cells: 1 });
const refused = await host.deploy({ files: { 'main.wat': '(module)' } }, { name: 'wasm' }).catch((error) => error);
await host.deploy({ files: { 'index.js': 'exports.handler = () => 42;' } }, { name: 'script' });
const { value } = await host.invoke('script', {});
await host.close();
process.stdout.write(JSON.stringify({ code: refused.code, message: refused.message, value }));
`;

/** An installation for a platform that has no prebuilt addon: this one without it. */
void t.test('wasm: without the addon scripts run, and deploying a module says what to build', async (t) => {
  const copy = join(await temporaryDir(t), 'islet');
  for (const folder of ['host', 'runtime', 'bindings']) {
    await cp(join(root, folder), join(copy, folder), {
      recursive: true,
      filter: (path) => !left.has(basename(path)),
    });
  }
  await writeFile(join(copy, 'package.json'), await readFile(join(root, 'package.json')));
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  await writeFile(join(copy, 'program.ts'), program);
  const flags = ['--no-node-snapshot', '--no-warnings', join(copy, 'program.ts'), join(copy, 'data')];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  t.match(JSON.parse(stdout), { code: 'ERR_NO_WASM', message: /npm run build:native/, value: 42 });
});
