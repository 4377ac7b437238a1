import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WasmCode, WasmFile } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { findInterpreter } from './find-interpreter.ts';
import { languageOf, languages } from './language-table.ts';
import type { Language } from './language-table.ts';
import { readFiles, readFolder } from './read-folder.ts';

/** A folder with a handler in a language that an interpreter runs. */
export interface LanguageSource {
  /** Real path of the folder. */
  readonly root: string;
  /** The handler's file, relative to root, with "/"; its extension names the language. */
  readonly entry: string;
  /** "file.function", as Lambda has it; default: `lambda_handler` or `handler` in the entry. */
  readonly handler?: string;
  /** True for a file that was deployed by itself: nothing else of its folder goes along. Default: the whole folder. */
  readonly alone?: boolean;
  /** The files together may have this many bytes; the interpreter does not count. */
  readonly mostBytes: number;
  /** The folder of static files: no part of the program. */
  readonly leftOut?: string;
  /** Folders from which the interpreter's package is looked for, each upwards; default: root, the working directory, islet. */
  readonly searchFrom?: readonly string[];
}

/** File names a handler is looked for under, without extension, in order. */
export const languageStems: readonly string[] = ['handler', 'lambda_function', 'index', 'main', 'app'];
/** ".py", ".rb". */
export const languageExtensions: readonly string[] = languages.map(({ extension }) => extension);

/** True for files that `languageProgram` takes as an entry. */
export function isLanguageFile(path: string): boolean {
  return languageOf(path) !== undefined;
}

/**
 * Packs a folder with the interpreter of its language: all its files as they are, seen at `/app`, and islet's own part in
 * `/app/.islet`. Rejects with HostError ERR_NO_INTERPRETER when its package is missing, ERR_BUILD when the handler
 * cannot be told, ERR_SOURCE_NOT_FOUND when the handler names no file, ERR_DEPLOY_TOO_LARGE.
 */
export async function languageProgram(source: LanguageSource): Promise<WasmCode> {
  const language = languageOf(source.entry);
  if (language === undefined) throw new TypeError(`${source.entry} is in no language with an interpreter`);
  const handler = await handlerOf(source, language);
  const { root, mostBytes, entry, alone = false } = source;
  const own = Object.entries({ ...language.files, handler });
  const [files, module] = await Promise.all([
    alone ? readFiles(root, [entry], mostBytes) : readFolder(root, mostBytes, source.leftOut),
    findInterpreter(language, entry, source.searchFrom ?? [root, process.cwd(), import.meta.dirname]),
  ]);
  return {
    kind: 'wasm',
    module,
    program: { guest: 'command', protocol: 'lambda', reuse: 1, args: language.args },
    files: [...own.map(([name, text]) => toFile(`.islet/${name}`, text)), ...files],
  };
}

function toFile(path: string, text: string): WasmFile {
  return { path, bytes: Buffer.from(text) };
}

async function handlerOf(source: LanguageSource, language: Language): Promise<string> {
  const { root, entry, handler } = source;
  if (handler === undefined) return foundHandler(source, language);
  const stem = language.stemOf(handler);
  if (stem === '')
    throw new HostError(
      'ERR_BUILD',
      `Cannot deploy ${entry}: handler is ${JSON.stringify(handler)}; use "file.function", e.g. "handler.lambda_handler"`,
    );
  const paths = [`${stem}${language.extension}`, `${stem}/__init__.py`];
  for (const path of paths) if (await isFile(join(root, path))) return handler;
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy ${entry}: handler is ${JSON.stringify(handler)} and there is no file ${paths[0]}`,
  );
}

/** The names a handler has when nobody says, in order. */
const names: readonly string[] = ['lambda_handler', 'handler'];

async function foundHandler({ root, entry }: LanguageSource, language: Language): Promise<string> {
  const text = await readFile(join(root, entry), 'utf8');
  const stem = entry.slice(0, -language.extension.length);
  const name = names.find((candidate) => new RegExp(String.raw`\b${candidate}\b`).test(text));
  if (name !== undefined && !stem.includes('.')) return `${stem}.${name}`;
  throw new HostError(
    'ERR_BUILD',
    name === undefined
      ? `Cannot deploy ${entry}: it names neither ${names.join(' nor ')}; set "handler": "file.function" in islet.json`
      : `Cannot deploy ${entry}: a handler's file may have no "." before its extension; rename it`,
  );
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
