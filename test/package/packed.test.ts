// oxlint-disable-next-line import/no-unassigned-import -- for its effect, see there
import '#test/support/plain-spawn.ts';
import { execFile, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { helloCommand } from '#test/support/wasm-hello.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Packs this package and unpacks it into an empty project, its dependencies beside it as npm would lay them. */
async function install(): Promise<string> {
  const project = mkdtempSync(join(tmpdir(), 'islet-packed-'));
  await run(process.execPath, [join(root, 'host/cli/build.ts')], { cwd: root });
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: root,
  });
  const packed = JSON.parse(stdout) as
    | readonly { readonly filename: string }[]
    | Record<string, { filename: string }>;
  const [first] = Array.isArray(packed) ? packed : Object.values(packed);
  writeFileSync(join(project, 'package.json'), '{ "name": "service", "private": true }');
  await run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline', join(project, String(first?.filename))],
    {
      cwd: project,
    },
  );
  return project;
}

/** The processes below this one, itself included. */
function descendants(pid: number): readonly number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const parents = new Map<number, number>();
  for (const child of children) {
    try {
      const stat = readFileSync(`/proc/${child}/stat`, 'utf8');
      parents.set(child, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Ended meanwhile.
    }
  }
  const found = [pid];
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child);
  return found;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const service = `
  const host = await createHost({ dir: './data' });
  await host.deploy({ files: { 'index.js': "export default { fetch: (r) => new Response('hello from ' + new URL(r.url).pathname) }" } }, { name: 'hello' });
  const response = await host.fetch('hello', new Request('http://service/packed'));
  console.log(JSON.stringify({ status: response.status, text: await response.text() }));
`;

void t.test('package: the packed tarball works in an empty project', { timeout: 300_000 }, async (t) => {
  const project = await install();
  t.teardown(() => rmSync(project, { recursive: true, force: true }));

  await t.test('in an ESM service', async (t) => {
    const file = join(project, 'service.mjs');
    writeFileSync(file, `import { createHost } from 'islet';\n${service}\nawait host.close();\n`);
    const { stdout } = await run(process.execPath, [file], { cwd: project });
    t.same(JSON.parse(stdout), { status: 200, text: 'hello from /packed' });
  });

  await t.test('in a CommonJS service', async (t) => {
    const file = join(project, 'service.cjs');
    writeFileSync(
      file,
      `const { createHost } = require('islet');\n(async () => {${service}\nawait host.close();\n})();\n`,
    );
    const { stdout } = await run(process.execPath, [file], { cwd: project });
    t.same(JSON.parse(stdout), { status: 200, text: 'hello from /packed' });
  });

  await t.test('a .wasm file deploys and answers', { skip: withoutAddon }, async (t) => {
    writeFileSync(join(project, 'greets.wasm'), helloCommand('hello from wasm'));
    const file = join(project, 'wasm.mjs');
    writeFileSync(
      file,
      `import { createHost } from 'islet';
       const host = await createHost({ dir: './wasm-data' });
       await host.deploy('./greets.wasm');
       const response = await host.fetch('greets', new Request('http://service/'));
       console.log(JSON.stringify({ status: response.status, text: await response.text() }));
       await host.close();`,
    );
    const { stdout } = await run(process.execPath, [file], { cwd: project });
    t.same(JSON.parse(stdout), { status: 200, text: 'hello from wasm' });
  });

  await t.test('its types are exported', async (t) => {
    writeFileSync(
      join(project, 'service.ts'),
      `import { createHost, HostError, type Host, type InvokeResult } from 'islet';
       export async function main(): Promise<InvokeResult> {
         const host: Host = await createHost({ dir: 'x' });
         // @ts-expect-error: unknown options are refused by the types too
         await createHost({ direcory: 'x' }).catch((error: HostError) => error.code);
         return await host.invoke('hello', { a: 1 });
       }`,
    );
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'esnext',
          strict: true,
          noEmit: true,
          types: ['node'],
          skipLibCheck: false,
        },
        files: ['service.ts'],
      }),
    );
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
    symlinkSync(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'));
    symlinkSync(join(root, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', project], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    t.equal(stdout, '');
  });

  // A handler beside the file that `islet types` writes, in a project of its own below the packed one.
  const checked = async (folder: string, entry: string, options: object): Promise<string> => {
    const dir = join(project, folder);
    mkdirSync(dir);
    writeFileSync(
      join(dir, 'islet.json'),
      '{ "name": "shop", "vars": { "A": "" }, "bindings": { "KV": { "kind": "kv" } } }',
    );
    const bin = join(project, 'node_modules/.bin/islet');
    await run(process.execPath, [bin, 'types', dir, ...(entry === 'islet/types' ? [] : ['--dom'])], {
      cwd: dir,
    });
    writeFileSync(
      join(dir, 'shop.ts'),
      `import type { ExportedHandler, KVNamespace } from '${entry}';
       export default {
         async fetch(request, env, ctx) {
           const kv: KVNamespace = env.KV;
           ctx.waitUntil(kv.put('seen', request.url));
           // @ts-expect-error: no such binding
           return new Response(env.A + (await kv.get('a')) + env.MISSING);
         },
       } satisfies ExportedHandler<Env>;`,
    );
    const strict = { target: 'esnext', strict: true, noEmit: true, types: [], skipLibCheck: false };
    writeFileSync(
      join(dir, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...strict, ...options }, files: ['shop.ts', 'islet-env.d.ts'] }),
    );
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    return await run(process.execPath, [tsc, '-p', dir], { cwd: dir }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
  };

  await t.test('handlers are checked against islet/types', async (t) => {
    const bundler = { module: 'esnext', moduleResolution: 'bundler' };
    t.equal(await checked('worker', 'islet/types', { lib: ['esnext'], ...bundler }), '');
    t.equal(await checked('page', 'islet/types/bindings', { lib: ['esnext', 'dom'], ...bundler }), '');
    // The project's package.json has no "type": its files are CommonJS to TypeScript.
    t.equal(await checked('common', 'islet/types', { lib: ['esnext'], module: 'nodenext' }), '');
    t.equal(await checked('common16', 'islet/types', { lib: ['esnext'], module: 'node16' }), '');
  });

  await t.test('its command line runs', async (t) => {
    const bin = join(project, 'node_modules/.bin/islet');
    const { stdout } = await run(process.execPath, [bin, '--version'], { cwd: project });
    t.match(stdout, /\d+\.\d+\.\d+/);
    const bench = await run(process.execPath, [bin, 'bench', '--help'], { cwd: project });
    t.match(bench.stdout, /--only/, 'the bench is in the package');
    await t.rejects(run(process.execPath, [bin, 'bench', '--only', 'luck'], { cwd: project }), { code: 2 });
  });

  await t.test('no child outlives a service that crashes', async (t) => {
    if (process.platform !== 'linux') {
      t.comment('reads /proc, which this platform has not');
      return;
    }
    const file = join(project, 'crash.mjs');
    writeFileSync(file, `import { createHost } from 'islet';\n${service}\nsetInterval(() => {}, 1000);\n`);
    const child = spawn(process.execPath, [file], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const pids = descendants(child.pid ?? 0);
    t.ok(pids.length >= 2, `${pids.length} processes while it runs`);
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await closed;
    const until = Date.now() + 10_000;
    while (pids.some(alive) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    t.same(pids.filter(alive), [], 'none is left');
  });
});
