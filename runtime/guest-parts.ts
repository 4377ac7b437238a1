import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { build, transform } from 'esbuild';
import type {
  BuildOptions,
  OnResolveArgs,
  OnResolveResult,
  Plugin,
  PluginBuild,
  TransformOptions,
} from 'esbuild';
import { isCallable, isValue, namesIn, partsIn, readExports, type Exports } from './guest-part-exports.ts';
import { inCore, PieceWriter, type Written } from './guest-part-text.ts';

/** What cutting a bundle needs to know. Paths are relative to `options.absWorkingDir`. */
export interface Cut {
  readonly entry: string;
  /** The folder that has late.ts, and the files of the parts. */
  readonly folder: string;
  /** By name, as in guest/parts.ts. */
  readonly parts: Readonly<Record<string, readonly string[]>>;
  /** Parts that stay in the script; what they need stays with them. */
  readonly common: readonly string[];
  readonly options: BuildOptions & { readonly absWorkingDir: string };
  readonly minify: TransformOptions;
}

export interface CutBundle {
  /** What runs at once; an expression whose value holds what the entry exports. */
  readonly core: string;
  /** The text of all pieces, one after the other. */
  readonly pieces: string;
}

const standIn = 'stand-in:';

/**
 * Cuts a bundle in a core, which runs at once, and pieces of text that run when they are first used. In the core stand
 * stand-ins (late.ts) for what it imports of parts; pieces import the core's own. Three builds: to see which files are the
 * core's, for the pieces, and for the core with what pieces want of it.
 */
export async function cutBundle(cut: Cut): Promise<CutBundle> {
  const scissors = new Scissors(cut);
  await scissors.findCore();
  const pieces = await scissors.buildPieces();
  return await scissors.buildCore(pieces);
}

interface Piece extends Written {
  readonly name: string;
  /** Parts whose files are in it or in what it needs. */
  readonly before: readonly string[];
}

class Scissors {
  readonly #cut: Cut;
  readonly #root: string;
  /** File to its part. */
  readonly #home = new Map<string, string>();
  /** What the core wants of each file of a part. */
  readonly #wanted = new Map<string, Set<string>>();
  /** Classes and constants that parts import of each other: `file name`. */
  readonly #crossing = new Set<string>();
  readonly #read = new Map<string, Promise<Exports>>();
  #core = new Set<string>();
  readonly #writer: PieceWriter;

  constructor(cut: Cut) {
    this.#cut = cut;
    this.#root = cut.options.absWorkingDir;
    this.#writer = new PieceWriter(cut.minify);
    for (const [part, files] of Object.entries(cut.parts))
      for (const file of files) this.#home.set(posix.join(cut.folder, file), part);
  }

  async findCore(): Promise<void> {
    for (const file of this.#home.keys()) {
      const exports = await this.#exportsOf(file);
      this.#wanted.set(file, new Set([...exports.keys()].filter((name) => !isValue(exports.get(name)))));
    }
    const { metafile } = await build({
      ...this.#cut.options,
      entryPoints: [this.#cut.entry],
      format: 'esm',
      write: false,
      metafile: true,
      plugins: [this.#corePlugin(), ...(this.#cut.options.plugins ?? [])],
    });
    this.#core = new Set(Object.keys(metafile.inputs).filter((file) => !file.startsWith(standIn)));
    for (const file of this.#home.keys()) {
      this.#wanted.set(file, new Set());
    }
    const all = await readdir(join(this.#root, this.#cut.folder), { recursive: true });
    for (const name of all) {
      const file = posix.join(this.#cut.folder, name);
      if (file.endsWith('.ts')) await this.#findWanted(file);
    }
  }

  /** Which names of parts a file of the core imports, or exports again. */
  async #findWanted(file: string): Promise<void> {
    const source = await readFile(join(this.#root, file), 'utf8');
    for (const [, kind, list = '', from = ''] of source.matchAll(
      /^(import|export) (?!type)(\{[^}]*\}|\* as \w+) from '(\.[^']+)';/gm,
    )) {
      const target = posix.join(posix.dirname(file), from);
      const wanted = this.#wanted.get(target);
      if (wanted === undefined) continue;
      if (this.#home.get(file) === this.#home.get(target)) continue;
      if (!list.startsWith('{') && this.#core.has(file))
        throw new Error(`${file} ${kind}s all of ${target}, a part's; name what it needs`);
      const kinds = await this.#exportsOf(target);
      for (const { name } of namesIn(list)) {
        const kind = kinds.get(name);
        // Parts import each other's classes and constants, which run the part, and have the rest by the core.
        if (this.#core.has(file) || (kind !== undefined && isCallable(kind))) wanted.add(name);
        else this.#crossing.add(`${target} ${name}`);
      }
    }
  }

  async buildPieces(): Promise<readonly Piece[]> {
    const entryPoints = Object.keys(this.#cut.parts).map((part) => ({ in: `part:${part}`, out: part }));
    const { outputFiles, metafile } = await build({
      ...this.#cut.options,
      entryPoints,
      format: 'esm',
      splitting: true,
      outdir: '/',
      chunkNames: '[hash]',
      write: false,
      metafile: true,
      plugins: [this.#piecePlugin(), ...(this.#cut.options.plugins ?? [])],
    });
    const pieces: Piece[] = [];
    const exportsOf = async (file: string): Promise<Exports> =>
      this.#core.has(file) ? await this.#exportsOf(file) : new Map();
    for (const { path, text } of outputFiles) {
      const name = posix.basename(path, '.js');
      const parts = name in this.#cut.parts ? partsIn(metafile, `${name}.js`, this.#home) : [];
      const before = parts.filter((part) => part !== name);
      pieces.push({ name, before, ...(await this.#writer.write(text, exportsOf)) });
    }
    return pieces;
  }

  async buildCore(pieces: readonly Piece[]): Promise<CutBundle> {
    const loader = posix.join(this.#cut.folder, 'late.ts');
    const lines = [`export * from ${JSON.stringify(`./${this.#cut.entry}`)};`];
    lines.push(`export { setPieces as setPieces_, connectPieces } from ${JSON.stringify(`./${loader}`)};`);
    const { shared } = this.#writer;
    for (const { file, name, as } of shared)
      lines.push(`export { ${name} as ${as} } from ${JSON.stringify(`./${file}`)};`);
    const { outputFiles } = await build({
      ...this.#cut.options,
      stdin: { contents: lines.join('\n'), resolveDir: this.#root, sourcefile: 'core.js' },
      format: 'esm',
      write: false,
      plugins: [this.#corePlugin(), ...(this.#cut.options.plugins ?? [])],
    });
    const text = outputFiles?.[0]?.text ?? '';
    const list = /^export \{([^}]*)\};\n*$/m.exec(text);
    const exported = namesIn(list?.[1] ?? '');
    const own = exported.filter(({ as }) => !shared.some((one) => one.as === as));
    const local = (as: string): string => exported.find((one) => one.as === as)?.name ?? '';
    const value = own.filter(({ as }) => as !== 'setPieces_').map(({ name, as }) => getter(name, as));
    const common = withNeeds(pieces, this.#cut.common);
    let all = '';
    const places = pieces.map((piece) => {
      const from = all.length;
      if (!common.has(piece.name)) all += piece.text;
      const open = piece.shared.map(({ as, live }) => (live ? getter(local(as), as) : `${as}:${local(as)}`));
      const code = common.has(piece.name) ? piece.text : 'void 0';
      return `${JSON.stringify(piece.name)}:{at:[${from},${all.length}],code:${code},before:${JSON.stringify(piece.before)},open:()=>({${open.join(',')}})}`;
    });
    const table = `{__proto__:null,${places.join(',')}}`;
    const last = `${local('setPieces_')}({places:()=>(${table}),globals:()=>(${this.#writer.globals()})});`;
    const { code } = await transform(
      `(function(){"use strict";${text.slice(0, list?.index)}${last}return {${value.join(',')}}})()`,
      this.#cut.minify,
    );
    return { core: code.replace(/;\n$/, ''), pieces: all };
  }

  #corePlugin(): Plugin {
    return {
      name: 'core',
      setup: (made) => {
        this.#onResolve(made, (file) => {
          const part = this.#home.get(file);
          return part === undefined ? undefined : { path: part, namespace: 'stand-in' };
        });
        made.onLoad({ filter: /.*/, namespace: 'stand-in' }, async ({ path }) => ({
          contents: await this.#standIns(path),
          resolveDir: join(this.#root, this.#cut.folder),
          loader: 'js',
        }));
      },
    };
  }

  /** The module that stands in the core for all files of a part. */
  async #standIns(part: string): Promise<string> {
    const lines = ["import { adopt, callLate, inherit, lateClass, load, onLoad } from './late.ts';"];
    const links: string[] = [];
    const classes: string[] = [];
    for (const file of this.#cut.parts[part] ?? []) {
      const path = posix.join(this.#cut.folder, file);
      const kinds = await this.#exportsOf(path);
      for (const name of this.#wanted.get(path) ?? []) {
        const kind = kinds.get(name);
        if (kind === undefined) throw new Error(`${path} exports no ${name} of its own`);
        if (kind === 'class') {
          lines.push(`export let ${name} = lateClass('${part}', '${name}');`);
          links.push(`${name} = adopt('${name}', part.${name});`);
          classes.push(`'${name}'`);
          continue;
        }
        if (!isCallable(kind))
          throw new Error(`${path}: ${name} is no function, so nothing can stand in for it`);
        const waiting =
          kind === 'predicate'
            ? '() => false'
            : `(...args) => { load('${part}'); return callLate(${name}, undefined, args); }`;
        lines.push(`export let ${name} = ${waiting};`);
        links.push(`${name} = part.${name};`);
      }
    }
    if (classes.length > 0) links.push(`inherit([${classes.join(', ')}]);`);
    lines.push(`onLoad('${part}', (part) => {\n${links.join('\n')}\n});`);
    return lines.join('\n');
  }

  #piecePlugin(): Plugin {
    return {
      name: 'pieces',
      setup: (made) => {
        made.onResolve({ filter: /^part:/ }, ({ path }) => ({ path: path.slice(5), namespace: 'part' }));
        made.onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => ({
          contents: (this.#cut.parts[path] ?? []).map((file) => this.#entryLine(file)).join('\n'),
          resolveDir: join(this.#root, this.#cut.folder),
          loader: 'js',
        }));
        made.onLoad({ filter: /.*/, namespace: 'predicates' }, async ({ path }) => ({
          contents: await this.#withPredicates(path),
          resolveDir: dirname(join(this.#root, path)),
          loader: 'js',
        }));
        this.#onResolve(made, (file, args) => {
          if (this.#core.has(file)) return { path: `${inCore}${file}`, external: true };
          const part = this.#home.get(file);
          if (part === undefined) return undefined;
          const importer = posix.relative(this.#root, args.importer);
          // What a file is imported for and nothing else runs with it: a part nobody asks for stays out.
          const isOwn = args.namespace !== 'file' || this.#home.get(importer) === part;
          return isOwn
            ? { path: join(this.#root, file), sideEffects: false }
            : { path: file, namespace: 'predicates', sideEffects: false };
        });
      },
    };
  }

  #entryLine(file: string): string {
    const wanted = [...(this.#wanted.get(posix.join(this.#cut.folder, file)) ?? [])];
    return `export { ${wanted.join(', ')} } from './${file}';`;
  }

  /** A file of another part with the core's stand-ins for its functions, so that importing them runs nothing. */
  async #withPredicates(file: string): Promise<string> {
    const kinds = await this.#exportsOf(file);
    const asked: string[] = [];
    const own: string[] = [];
    for (const [name, kind] of kinds) {
      if (!isCallable(kind) && this.#crossing.has(`${file} ${name}`)) own.push(name);
      else if (isCallable(kind) && this.#wanted.get(file)?.has(name) === true) asked.push(name);
    }
    const line = (names: readonly string[], from: string): string =>
      names.length === 0 ? '' : `export { ${names.join(', ')} } from ${JSON.stringify(from)};\n`;
    return `${line(asked, `${inCore}${file}`)}${line(own, `./${posix.basename(file)}`)}`;
  }

  /** Asks `decide` about every import of a file of ours, which says its name in full. */
  #onResolve(
    made: PluginBuild,
    decide: (file: string, args: OnResolveArgs) => OnResolveResult | undefined,
  ): void {
    made.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, (args) => {
      const file = posix.relative(this.#root, posix.join(args.resolveDir, args.path));
      return decide(file, args);
    });
    made.onResolve({ filter: /^core:/ }, ({ path }) => ({ path, external: true }));
  }

  #exportsOf(file: string): Promise<Exports> {
    const known = this.#read.get(file) ?? readExports(join(this.#root, file));
    this.#read.set(file, known);
    return known;
  }
}

function getter(name: string, as: string): string {
  return `get ${as}(){return ${name}}`;
}

/** The names of pieces, and of what they need. */
function withNeeds(pieces: readonly Piece[], names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    pieces.find((piece) => piece.name === name)?.needs.forEach(visit);
  };
  names.forEach(visit);
  return found;
}
