import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { buildGuestBundle, guestScriptName } from '#runtime/guest-bundle.ts';
import { bundleLibrary } from './bundle-library.ts';

/**
 * `npm run build`: dist/ of the published package, since Node strips no types under node_modules. The compiled tree
 * mirrors the source, so relative addresses stay true; dist/package.json points `#folder/x.ts` at the compiled files.
 */
const root = join(import.meta.dirname, '..', '..');
const dist = join(root, 'dist');
const folders = ['runtime', 'host', 'bindings', 'bench'] as const;
/** What benches leave behind, and the sources of the addon: those who install the package get it prebuilt. */
const notShipped = [join('bench', 'out'), join('runtime', 'wasm', 'native')];

await rm(dist, { recursive: true, force: true });
compile();
for (const folder of folders) await copyAssets(folder);
await bundleLibrary({ file: join(dist, 'bindings', 'auth', 'library.js'), external: ['jose'], root });
await bundleLibrary({
  file: join(dist, 'runtime', 'isolate', 'services', 'multi-byte.js'),
  external: [],
  root,
});
await mkdir(join(dist, 'runtime'), { recursive: true });
await writeFile(join(dist, 'runtime', guestScriptName), await buildGuestBundle());
await writeFile(join(dist, 'package.json'), `${JSON.stringify(packageOf(), null, 2)}\n`);
process.stdout.write('dist is built\n');

function compile(): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`tsc ended with ${status}; mend what it says above`);
}

/** What the compiled files read at run time: everything beside the sources but documentation and the launcher. */
async function copyAssets(folder: string): Promise<void> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const left = !entry.isFile() || ['.ts', '.md'].includes(extname(entry.name)) || entry.name === 'bin.js';
    const path = join(entry.parentPath, entry.name).slice(root.length + 1);
    if (left || notShipped.some((folder) => path.startsWith(folder + sep))) continue;
    await cp(join(root, path), join(dist, path));
  }
}

function packageOf(): object {
  const imports = folders.map((folder) => [
    `#${folder}/*.ts`,
    { types: `./${folder}/*.d.ts`, default: `./${folder}/*.js` },
  ]);
  return { type: 'module', imports: Object.fromEntries(imports) as object };
}
