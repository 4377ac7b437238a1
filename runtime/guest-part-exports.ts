import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Metafile } from 'esbuild';

/** How a file declares what it exports. A `let` is a function that the class behind it sets, a predicate says what is of a class. */
export type Kind = 'class' | 'predicate' | 'function' | 'let' | 'variable' | 'const';
export type Exports = ReadonlyMap<string, Kind>;

/** What a file of ours declares for export, by name. */
export async function readExports(path: string): Promise<Exports> {
  const source = await readFile(path, 'utf8');
  const found = new Map<string, Kind>();
  for (const [, kind, name = '', rest = ''] of source.matchAll(
    /^export (?:async )?(class|function|const|let) (\w+)(.*)/gm,
  )) {
    if (kind === 'class') found.set(name, 'class');
    else if (/value is \w+/.test(rest)) found.set(name, 'predicate');
    else found.set(name, kind === 'let' && !rest.includes('=>') ? 'variable' : (kind as Kind));
  }
  return found;
}

/** What may change after its file ran. */
export function isLive(kind: Kind | undefined): boolean {
  return kind === undefined || kind === 'let' || kind === 'predicate' || kind === 'variable';
}

export function isValue(kind: Kind | undefined): boolean {
  return kind === 'const' || kind === 'variable';
}

export function isCallable(kind: Kind): boolean {
  return kind === 'function' || kind === 'predicate' || kind === 'let';
}

/** A name of an import or export list, and what it is called on the other side. */
export interface Named {
  readonly name: string;
  readonly as: string;
}

/** The names of a list, without types. */
export function namesIn(list: string): Named[] {
  return list
    .replace(/[{}]/g, '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !item.startsWith('type '))
    .map((item) => {
      const [name = '', as = name] = item.split(' as ');
      return { name, as };
    });
}

/** The parts of which something runs with an output of esbuild's; `home` has the part of each file that is in one. */
export function partsIn(metafile: Metafile, output: string, home: ReadonlyMap<string, string>): string[] {
  const outputs = new Map(
    Object.entries(metafile.outputs).map(([path, made]) => [posix.basename(path), made]),
  );
  const seen = new Set<string>();
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const made = outputs.get(name);
    for (const input of Object.keys(made?.inputs ?? {})) {
      const part = home.get(input);
      if (part !== undefined) found.add(part);
    }
    for (const { path, external } of made?.imports ?? []) if (!external) visit(posix.basename(path));
  };
  visit(output);
  return [...found];
}
