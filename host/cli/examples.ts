import { existsSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Host } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';

/** Which deployment of an example this directory was last given, by name. */
type Given = Readonly<Record<string, string>>;

/**
 * Deploys every folder of examples/ under its name. One whose traffic was moved since, by a deployment, a rollback or
 * weights, is left as it is: `<dir>/examples.json` remembers which version came from here.
 */
export async function deployExamples(
  host: Host,
  dir: string,
  folder: string = findExamples(),
): Promise<void> {
  const file = join(dir, 'examples.json');
  const given = await readGiven(file);
  const now: Record<string, string> = { ...given };
  const existing = new Set((await host.list()).map((info) => info.name));
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (!entry.isDirectory() || entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const { name } = entry;
    if (existing.has(name)) {
      const active = (await host.versions(name)).filter((version) => version.weight > 0);
      if (active.length !== 1 || active[0]?.id !== given[name]) continue;
    }
    now[name] = (await host.deploy(join(folder, name), { name })).id;
  }
  await writeFile(`${file}.new`, `${JSON.stringify(now, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

/** examples/ of the clone; the published package has none. */
function findExamples(): string {
  const folder = join(dirname(import.meta.dirname), '..', 'examples');
  if (existsSync(folder)) return folder;
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy the examples: there is no folder ${folder}; --examples works in a clone of the project`,
  );
}

async function readGiven(file: string): Promise<Given> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Given;
  } catch {
    return {};
  }
}
