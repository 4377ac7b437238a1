import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { buildExample, examplesFolder, readExamples } from './examples-folder.ts';
import type { Example } from './examples-folder.ts';

/** Which deployment of an example this directory was last given, by name. */
type Given = Readonly<Record<string, string>>;

export interface ExampleOptions {
  /** Default: examples/ of the clone. */
  readonly folder?: string;
  /** `quick`: what is deployed in a moment; `slow`: what is built first, or brings an interpreter. Default: both. */
  readonly only?: 'quick' | 'slow';
  /** Ends a build. */
  readonly signal?: AbortSignal;
  /** Hears of each example as it is done: undefined when its function is there, else why it is left out. */
  readonly done?: (name: string, leftOut: string | undefined) => void;
}

/**
 * Deploys the folders of examples/ under their names. One whose traffic was moved since, by a deployment, a rollback or
 * weights, is left as it is: `<dir>/examples.json` remembers which version came from here. One that cannot be built
 * or deployed here, for want of a compiler, an interpreter or the addon, is left out.
 */
export async function deployExamples(host: Host, dir: string, options: ExampleOptions = {}): Promise<void> {
  const { only, signal, done } = options;
  const all = await readExamples(options.folder ?? examplesFolder());
  for (const example of all.filter(({ slow }) => only === undefined || slow === (only === 'slow'))) {
    if (signal?.aborted === true) return;
    const leftOut = await deployExample(host, { dir, example, ...(signal === undefined ? {} : { signal }) });
    done?.(example.name, leftOut);
  }
}

async function deployExample(
  host: Host,
  {
    dir,
    example,
    signal,
  }: { readonly dir: string; readonly example: Example; readonly signal?: AbortSignal },
): Promise<string | undefined> {
  const { name, folder } = example;
  const given = await readGiven(dir);
  if ((await host.list()).some((info) => info.name === name)) {
    const active = (await host.versions(name)).filter((version) => version.weight > 0);
    if (active.length !== 1 || active[0]?.id !== given[name]) return undefined;
  }
  const unbuilt = await buildExample(example, signal);
  if (unbuilt !== undefined) return unbuilt.line;
  try {
    const { id } = await host.deploy(folder, { name });
    await writeGiven(dir, { ...given, [name]: id });
    return undefined;
  } catch (error) {
    if (error instanceof HostError) return error.message;
    throw error;
  }
}

async function readGiven(dir: string): Promise<Given> {
  try {
    return JSON.parse(await readFile(join(dir, 'examples.json'), 'utf8')) as Given;
  } catch {
    return {};
  }
}

async function writeGiven(dir: string, given: Given): Promise<void> {
  const file = join(dir, 'examples.json');
  await writeFile(`${file}.new`, `${JSON.stringify(given, null, 2)}\n`);
  await rename(`${file}.new`, file);
}
