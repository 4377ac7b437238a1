import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostError } from '#runtime/errors.ts';
import type { InterpreterPackage, Language } from './language-table.ts';

/** A package's file, found. */
export interface InterpreterFile extends InterpreterPackage {
  /** Absolute. */
  readonly path: string;
}

/** The first of a language's packages that lies in a node_modules of one of the folders or above it, the nearest first. */
export async function findInterpreterFile(
  language: Language,
  folders: readonly string[],
): Promise<InterpreterFile | undefined> {
  const places = [...new Set(folders.flatMap(upwards))];
  for (const { name, file } of language.packages) {
    for (const place of places) {
      const path = join(place, 'node_modules', name, file);
      if (await isFile(path)) return { name, file, path };
    }
  }
  return undefined;
}

/**
 * The interpreter as a WASI preview 1 command, out of the package `findInterpreterFile` finds. Rejects with HostError
 * ERR_NO_INTERPRETER that names the package to install.
 */
export async function findInterpreter(
  language: Language,
  entry: string,
  folders: readonly string[],
): Promise<Uint8Array> {
  const found = await findInterpreterFile(language, folders);
  if (found !== undefined) return toCommand(language, await readFile(found.path), found.name);
  const name = language.packages[0]?.name;
  throw new HostError(
    'ERR_NO_INTERPRETER',
    `Cannot deploy ${entry}: ${language.title} runs on an interpreter that is not installed; run "npm install ${name}" in the folder or where islet runs`,
  );
}

function toCommand(language: Language, module: Uint8Array, name: string): Uint8Array {
  try {
    return language.toCommand(module);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new HostError(
      'ERR_NO_INTERPRETER',
      `Cannot use ${name}: ${cause.message}; run "npm install ${language.packages[0]?.name}"`,
      { cause },
    );
  }
}

/** A folder and all above it, nearest first. */
function upwards(folder: string): readonly string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...upwards(parent)];
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
