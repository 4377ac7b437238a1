import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HostError } from '#runtime/errors.ts';
import type { InlineSource } from '#host/host.ts';
import { readJsonc } from './jsonc.ts';

export interface InlineFolder {
  readonly root: string;
  readonly dispose: () => Promise<void>;
}

/**
 * Writes inline files into a new folder of mode 0700, which its caller removes. Throws HostError ERR_BAD_INPUT for paths
 * that leave the folder or cannot be made, and TypeError for what is neither text nor bytes.
 */
export async function writeInline(files: InlineSource['files']): Promise<InlineFolder> {
  for (const [path, content] of Object.entries(files)) {
    if (!isInside(path)) {
      throw new HostError(
        'ERR_BAD_INPUT',
        `Cannot deploy file ${JSON.stringify(path)}: its path leaves the folder; use e.g. "src/index.ts"`,
      );
    }
    if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
      throw new TypeError(`File ${JSON.stringify(path)} is neither text nor a Uint8Array`);
    }
  }
  const outer = await realpath(await mkdtemp(join(tmpdir(), 'islet-')));
  const dispose = (): Promise<void> => rm(outer, { recursive: true, force: true });
  try {
    const root = join(outer, 'source');
    await mkdir(root);
    // It ends the bundler's searches upwards.
    await writeFile(join(outer, 'package.json'), '{}');
    for (const [path, content] of Object.entries(files)) {
      await writeOne(join(root, path), path, content);
    }
    return { root, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * A tsconfig.json the bundler takes as it is. Throws HostError ERR_BUILD when it does not parse or extends another: the
 * bundler would read that from anywhere on this machine and quote it in its messages.
 */
export function sealedTsconfig(text: string): string {
  const { value, problems, positionOf } = readJsonc(text);
  const lines = problems.map((problem) => `tsconfig.json:${positionOf(problem.offset)}: ${problem.text}`);
  if (lines.length > 0) throw new HostError('ERR_BUILD', `Cannot build:\n${lines.join('\n')}`);
  if (typeof value !== 'object' || value === null || !('extends' in value)) return JSON.stringify(value);
  throw new HostError(
    'ERR_BUILD',
    'Cannot build: tsconfig.json extends another file, which inline files cannot; write its settings out',
  );
}

async function writeOne(target: string, path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { flag: 'wx' });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(code)) throw cause;
    const name = JSON.stringify(path);
    throw new HostError('ERR_BAD_INPUT', `Cannot deploy file ${name}: no such path can be made (${code})`, {
      cause,
    });
  }
}

/** True for a path that stays in its folder: relative, with "/", no "..", "." or empty segment. */
export function isInside(path: string): boolean {
  if (path === '' || /[\\\0]/.test(path) || /^[A-Za-z]:/.test(path)) return false;
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}
