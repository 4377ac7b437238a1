import { posix } from 'node:path';
import { transform, type TransformOptions } from 'esbuild';
import { isLive, namesIn, type Exports, type Named } from './guest-part-exports.ts';

/** Imports of the core begin so in what esbuild gives. */
export const inCore = 'core:';

/** Globals that pieces get as they were before guest code; those that V8 makes only when they are looked at are left out. */
const globalNames =
  'AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError Float16Array Float32Array Float64Array Function Int16Array Int32Array Int8Array JSON Map Math Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent isFinite isNaN parseFloat parseInt';
/** Of these, pieces get the members they name. */
const namespaces: ReadonlySet<string> = new Set(['JSON', 'Math', 'Object', 'Reflect']);

const importLine = /^import (?:\{([^}]*)\} from )?"([^"]+)";$/gm;

export interface Shared {
  readonly file: string;
  readonly name: string;
  /** Its name between core and pieces. */
  readonly as: string;
  /** It may change, so it is looked up at each use. */
  readonly live: boolean;
}

/** A chunk as a function. */
export interface Written {
  readonly text: string;
  /** Names of the chunks it runs. */
  readonly needs: readonly string[];
  /** What it wants of the core. */
  readonly shared: readonly Shared[];
}

/** Writes chunks of esbuild's as the functions that late.ts calls, and keeps what they want of the core. */
export class PieceWriter {
  readonly #minify: TransformOptions;
  readonly #shared = new Map<string, Shared>();
  /** Globals that pieces use, with the members they name of `namespaces`. */
  readonly #globals = new Map<string, Set<string>>();

  constructor(minify: TransformOptions) {
    this.#minify = minify;
  }

  get shared(): readonly Shared[] {
    return [...this.#shared.values()];
  }

  /** An object with the globals, as source. */
  globals(): string {
    const members = [...this.#globals].map(([name, named]) =>
      namespaces.has(name)
        ? `${name}:{${[...named].map((member) => `${member}:${name}.${member}`).join(',')}}`
        : name,
    );
    return `{${members.join(',')}}`;
  }

  /** `exportsOf`: what a file of the core declares. */
  async write(chunk: string, exportsOf: (file: string) => Promise<Exports>): Promise<Written> {
    const used = new Set<Shared>();
    const needs: string[] = [];
    const fixed: Named[] = [];
    const live: Named[] = [];
    let imports = '';
    for (const [, list = '', from = ''] of chunk.matchAll(importLine)) {
      if (from.startsWith(inCore)) {
        const file = from.slice(inCore.length);
        const kinds = await exportsOf(file);
        for (const { name, as } of namesIn(list)) {
          const kind = kinds.get(name);
          const shared = this.#share(file, name, isLive(kind));
          used.add(shared);
          (shared.live ? live : fixed).push({ name: shared.as, as });
        }
        continue;
      }
      needs.push(posix.basename(from, '.js'));
      const piece = JSON.stringify(posix.basename(from, '.js'));
      imports += list === '' ? `import ${piece};` : `import {${list}} from ${piece};`;
    }
    if (live.length > 0) imports += `import {${pairs(live, ' as ')}} from "core";`;
    const exported: string[] = [];
    const body = chunk.replace(importLine, '').replace(/^export \{([^}]*)\};$/m, (_, list: string) => {
      for (const { name, as } of namesIn(list)) exported.push(`get ${as}(){return ${name}}`);
      return '';
    });
    const taken = `const {${pairs(fixed, ':')}}=core;const {${this.#takeGlobals(body).join(',')}}=globals;`;
    const given = `give({__proto__:null,${exported.join(',')}});`;
    const options: TransformOptions = { ...this.#minify, format: 'cjs' };
    const { code } = await transform(`${imports}${taken}(function(){${body};${given}})();`, options);
    const head =
      'const require=(name)=>name==="core"?core:load(name);let given;const give=(all)=>{given=all};';
    const text = `(function(core,load,globals){"use strict";${head}${code}return given})`;
    return { text, needs, shared: [...used] };
  }

  #share(file: string, name: string, live: boolean): Shared {
    const key = `${file} ${name}`;
    const shared = this.#shared.get(key) ?? { file, name, as: `e${this.#shared.size.toString(36)}`, live };
    this.#shared.set(key, shared);
    return shared;
  }

  #takeGlobals(body: string): string[] {
    const used = globalNames.split(' ').filter((name) => new RegExp(`(?<![.\\w$])${name}\\b`).test(body));
    for (const name of used) {
      const members = this.#globals.get(name) ?? new Set();
      this.#globals.set(name, members);
      if (!namespaces.has(name)) continue;
      for (const [, member = ''] of body.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, 'g')))
        members.add(member);
      for (const [, list = ''] of body.matchAll(new RegExp(`\\{([^}]*)\\} = ${name};`, 'g')))
        for (const item of list.split(',')) members.add(item.split(':')[0]?.trim() ?? '');
    }
    return used;
  }
}

function pairs(list: readonly Named[], between: string): string {
  return list.map(({ name, as }) => `${name}${between}${as}`).join(',');
}
