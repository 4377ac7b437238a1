import t from 'tap';
// oxlint-disable-next-line no-unassigned-import -- what is spawned here may not read tap's loader
import '#test/support/plain-spawn.ts';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layer } from '#host/cli/isolation.ts';
import { languages } from '#host/deploy/languages/language-table.ts';
import type { DeployOptions, DeploySource, InlineSource, VersionInfo } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { startAdmin, token } from '#test/support/admin-server.ts';
import { cli } from '#test/support/cli.ts';
import type { Ran } from '#test/support/cli.ts';
import { nativeAddon, withoutAddon } from '#test/support/wasm.ts';

interface Desk {
  readonly dir: string;
  readonly run: (...argv: string[]) => Promise<Ran>;
  /** What the host was given, in order. */
  readonly given: InlineSource[];
}

/** A host that takes anything, unless `refuse` says why not. */
async function desk(
  test: Pick<typeof t, 'teardown' | 'testdir'>,
  refuse: (source: InlineSource) => HostError | undefined = () => undefined,
): Promise<Desk> {
  const admin = await startAdmin(test);
  const given: InlineSource[] = [];
  admin.host.deploy = async (source: DeploySource, options?: DeployOptions): Promise<VersionInfo> => {
    given.push(source as InlineSource);
    const error = refuse(source as InlineSource);
    if (error !== undefined) throw error;
    return { function: options?.name ?? '', version: 1, weight: 100 } as VersionInfo;
  };
  const dir = test.testdir({ '.islet': { token: `${token}\n` } });
  await writeFile(join(dir, '.islet', 'host.json'), JSON.stringify({ adminUrl: admin.server.url }));
  return { dir, given, run: (...argv) => cli(argv, { cwd: dir }) };
}

const module = Buffer.from('0061736d01000000ff80', 'hex');

void t.test('deploy: a module is sent byte for byte, with its manifest', async (t) => {
  const { dir, run, given } = await desk(t);
  await mkdir(join(dir, 'app', 'bin'), { recursive: true });
  await writeFile(join(dir, 'app', 'bin', 'x.wasm'), module);
  const manifest = { main: 'bin/x.wasm', wasm: { protocol: 'events', args: ['-v'] }, limits: { cpuMs: 9 } };
  await writeFile(join(dir, 'app', 'islet.json'), JSON.stringify(manifest));
  t.match(await run('deploy', 'app'), { code: 0, out: /app version 1 answers/ });
  const [{ files, main } = { files: {}, main: '' }] = given;
  t.equal(main, 'x.wasm');
  t.same(Buffer.from(files['x.wasm'] as Uint8Array), module);
  const { main: _, ...rest } = manifest;
  t.match(JSON.parse(String(files['islet.json'])), rest);
});

void t.test('deploy: what cannot be built never leaves this machine', async (t) => {
  const { dir, run, given } = await desk(t);
  await writeFile(join(dir, 'bad.wasm'), 'no wasm');
  t.match(await run('deploy', 'bad.wasm'), { code: 1, err: /ERR_BUILD/ });
  await writeFile(join(dir, 'large.wasm'), Buffer.alloc(10 * 2 ** 20 + 1, module));
  t.match(await run('deploy', 'large.wasm'), { code: 1, err: /ERR_DEPLOY_TOO_LARGE/ });
  t.equal(given.length, 0);
});

void t.test(
  'deploy: a handler goes as its files, and with the interpreter where the host has none',
  async (t) => {
    const paths = languages.flatMap(({ packages }) =>
      packages.map(({ name, file }) => `node_modules/${name}/${file}`),
    );
    const hasOne = ({ files }: InlineSource): boolean => paths.some((path) => Object.hasOwn(files, path));
    const { dir, run, given } = await desk(t, (source) =>
      hasOne(source) ? undefined : new HostError('ERR_NO_INTERPRETER', 'Cannot deploy: npm install it'),
    );
    const source = 'def lambda_handler(event, context):\n    return 1\n';
    await mkdir(join(dir, 'py'));
    await writeFile(join(dir, 'py', 'handler.py'), source);
    await writeFile(join(dir, 'py', 'data.bin'), module);
    const interpreter = join(dir, paths[0] ?? '');
    await mkdir(join(interpreter, '..'), { recursive: true });
    await writeFile(interpreter, module.subarray(0, 8));
    t.match(await run('deploy', 'py'), { code: 0, out: /py version 1 answers/ });
    const own = ['data.bin', 'handler.py', 'islet.json'];
    t.same(
      given.map(({ files }) => new Set(Object.keys(files))),
      [new Set(own), new Set([...own, paths[0]])],
    );
    const [, { files, main } = { files: {}, main: '' }] = given;
    t.equal(main, 'handler.py');
    t.equal(Buffer.from(files['handler.py'] as Uint8Array).toString(), source);
    t.same(Buffer.from(files[paths[0] ?? ''] as Uint8Array), module.subarray(0, 8));
  },
);

void t.test('doctor: names the addon and how it holds memories', { skip: withoutAddon }, async (t) => {
  const { run } = await desk(t);
  const { layers } = JSON.parse((await run('doctor', '--json')).out) as { layers: readonly Layer[] };
  const row = layers.find(({ name }) => name === 'WebAssembly');
  t.match(row, { state: 'yes', detail: nativeAddon().sourceHash().slice(0, 12) });
});
