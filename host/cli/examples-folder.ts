import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { HostError } from '#runtime/errors.ts';
import { readJsonc } from '../deploy/jsonc.ts';

/** One folder of examples/. */
export interface Example {
  readonly name: string;
  readonly folder: string;
  /** Command that makes `main` from the source: `scripts.build` of the example's package.json. */
  readonly build?: string;
  /** What the command makes, as islet.json names it. */
  readonly main?: string;
  /** Has to be built, or brings an interpreter that takes seconds to compile. */
  readonly slow: boolean;
}

/** examples/ of the clone; the published package has none. */
export function examplesFolder(): string {
  const folder = join(dirname(import.meta.dirname), '..', 'examples');
  if (existsSync(folder)) return folder;
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy the examples: there is no folder ${folder}; --examples works in a clone of the project`,
  );
}

/** The examples in the order of their names. */
export async function readExamples(folder: string): Promise<readonly Example[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter(({ name }) => !name.startsWith('.') && name !== 'node_modules');
  return Promise.all(
    names
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
      .map((name) => readExample(join(folder, name), name)),
  );
}

async function readExample(folder: string, name: string): Promise<Example> {
  const scripts = (await readObject(join(folder, 'package.json')))['scripts'];
  const build = (scripts as { build?: unknown } | undefined)?.build;
  const { main } = await readObject(join(folder, 'islet.json'));
  const files = await readdir(folder);
  return {
    name,
    folder,
    ...(typeof build === 'string' ? { build } : {}),
    ...(typeof main === 'string' ? { main } : {}),
    slow: typeof build === 'string' || files.some((file) => /\.(?:py|rb)$/.test(file)),
  };
}

async function readObject(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  const { value } = readJsonc(text);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Why an example is not built. */
export interface Unbuilt {
  /** The shell did not find the command. */
  readonly noTool: boolean;
  /** The first line of what was said. */
  readonly line: string;
}

/**
 * Runs the example's build command, with the tools of node_modules/.bin on PATH, unless what it makes is there and newer
 * than its source. Undefined when it is there.
 */
export async function buildExample(example: Example, signal?: AbortSignal): Promise<Unbuilt | undefined> {
  const { build, main, folder } = example;
  if (build === undefined || main === undefined || (await isFresh(folder, main))) return undefined;
  const PATH = [...binFolders(folder), process.env['PATH'] ?? ''].join(delimiter);
  try {
    const options = {
      cwd: folder,
      env: { ...process.env, PATH },
      ...(signal === undefined ? {} : { signal }),
    };
    await promisify(execFile)('sh', ['-c', build], options);
    return undefined;
  } catch (error) {
    const { code, stderr = '', message } = error as Error & { code?: unknown; stderr?: string };
    const [line = message] = stderr.split('\n').filter((text) => text.trim() !== '');
    return { noTool: code === 127, line: line.trim() };
  }
}

async function isFresh(folder: string, main: string): Promise<boolean> {
  const made = await changedAt(join(folder, main));
  if (made === undefined) return false;
  const sources = (await readdir(folder, { recursive: true })).filter(
    (path) => path !== main && !path.startsWith('node_modules'),
  );
  const times = await Promise.all(sources.map((path) => changedAt(join(folder, path))));
  return times.every((time) => (time ?? 0) <= made);
}

/** Undefined where there is no file; folders are as old as the first of times: building changes theirs. */
async function changedAt(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true ? 0 : found?.mtimeMs;
}

/** node_modules/.bin of the folder and of those above it, as npm has them. */
function binFolders(folder: string): readonly string[] {
  const own = join(folder, 'node_modules', '.bin');
  const above = dirname(folder);
  return above === folder ? [own] : [own, ...binFolders(above)];
}
