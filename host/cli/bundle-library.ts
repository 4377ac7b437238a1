import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface LibraryPlan {
  /** The compiled door, replaced by itself with what it imports. */
  readonly file: string;
  /** Packages that stay imports: those the published package depends on. */
  readonly external: readonly string[];
  /** Where `node_modules` is. */
  readonly root: string;
}

/**
 * Makes a compiled module carry the packages it imports, and writes their licences beside it (`<file>.licences.txt`).
 * For libraries whose own dependencies cannot be had everywhere: those who install islet install none of them.
 */
export async function bundleLibrary({ file, external, root }: LibraryPlan): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [file],
    outfile: file,
    charset: 'utf8',
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: [...external],
    minifySyntax: true,
    metafile: true,
    legalComments: 'none',
    logLevel: 'warning',
    // Some of what is bundled is CommonJS and asks for built-ins by `require`.
    banner: {
      js: "import { createRequire as createIsletRequire } from 'node:module';\nconst require = createIsletRequire(import.meta.url);",
    },
  });
  const folders = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolder(path) ?? []));
  const parts = await Promise.all([...folders].sort().map((folder) => licenceOf(join(root, folder))));
  await writeFile(`${file}.licences.txt`, parts.join(`\n${'-'.repeat(80)}\n\n`));
}

/** The folder of the package that a file of node_modules belongs to. */
function packageFolder(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : `\n\n${await readFile(join(folder, file), 'utf8')}`;
  return `${name} ${version}: ${license ?? 'see its text'}${text}`;
}
