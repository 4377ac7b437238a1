import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { WasmCode, WasmProgram } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { defaultCaps } from '#runtime/limits.ts';
import type { OpenSource } from './source.ts';

/** The longest module that is looked at: what compiling it may cost grows with it. */
export const mostModuleBytes: number = 64 * 2 ** 20;

/** True for an entry that is WebAssembly, binary or text. */
export function isWasmEntry(entry: string): boolean {
  return /\.(?:wasm|wat)$/.test(entry);
}

/**
 * The module of an open source whose entry is a .wasm or .wat file, with the program its manifest makes of it. Only its
 * first bytes are looked at; whether it is sound is for the compiler to say. Throws HostError ERR_BUILD,
 * ERR_DEPLOY_TOO_LARGE or ERR_MANIFEST.
 */
export async function wasmProgram(opened: OpenSource): Promise<WasmCode> {
  const path = join(opened.root, opened.entry);
  const { size } = await stat(path);
  if (size > mostModuleBytes) {
    throw new HostError(
      'ERR_DEPLOY_TOO_LARGE',
      `Cannot deploy ${opened.entry}: it is ${size} bytes, the longest module is ${mostModuleBytes}; ` +
        'strip it (wasm-opt, wasm-tools strip)',
    );
  }
  const module = new Uint8Array(await readFile(path));
  const guest = opened.entry.endsWith('.wat')
    ? guestOfText(opened.entry, module)
    : guestOf(opened.entry, module);
  return { kind: 'wasm', module, program: toProgram(opened, guest), files: [] };
}

type Guest = WasmProgram['guest'];

/** Kinds of bindings that do nothing unless the guest calls them, which components have no interface for. */
const beyondComponents: ReadonlySet<string> = new Set(['function', 'assets']);

/** Magic and layer (Core Specification 2.0, 5.5.16; Component Model, Binary: a component is layer 1). */
function guestOf(entry: string, module: Uint8Array): Guest {
  const head = Buffer.from(module.subarray(0, 8)).toString('hex');
  if (head === '0061736d01000000') return 'command';
  if (head === '0061736d0d000100') return 'component';
  const what = head.startsWith('0061736d')
    ? `it is of version ${head.slice(8)}`
    : `it begins with ${head || 'nothing'}`;
  throw new HostError(
    'ERR_BUILD',
    `Cannot build ${entry}: it is not WebAssembly: ${what}; a module begins with 0061736d 01000000, a component with 0061736d 0d000100`,
  );
}

/** Text: `(component …` or `(module …`, or a module's fields alone. */
function guestOfText(entry: string, module: Uint8Array): Guest {
  const text = readText(entry, module);
  const start = text.slice(skipSpace(text));
  if (!start.startsWith('('))
    throw new HostError(
      'ERR_BUILD',
      `Cannot build ${entry}: it is not WebAssembly text; that begins with "("`,
    );
  return /^\(\s*component\b/.test(start) ? 'component' : 'command';
}

function readText(entry: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HostError('ERR_BUILD', `Cannot build ${entry}: it is not UTF-8 text`, { cause });
  }
}

/** Where the text begins after white space and comments (Core Specification 2.0, 6.3.3). */
function skipSpace(text: string): number {
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    if (two === '(;') depth++;
    if (two === ';)' && depth > 0) depth--;
    else if (two !== '(;' && depth === 0) {
      if (two === ';;') {
        const end = text.indexOf('\n', at);
        if (end === -1) return text.length;
        at = end + 1;
        continue;
      }
      if (!/\s/.test(two[0] ?? '')) return at;
      at++;
      continue;
    }
    at += two === '(;' || two === ';)' ? 2 : 1;
  }
  return at;
}

function toProgram({ entry, manifest }: OpenSource, guest: Guest): WasmProgram {
  const { protocol, reuse = 1, args = [] } = manifest.wasm ?? {};
  if (manifest.handler !== undefined) refuse(entry, '"handler" is for Python and Ruby; leave it out');
  const { memoryMb = 0 } = manifest.limits ?? {};
  // Beyond it there is no place in the pool that instances live in (runtime/wasm), whatever the host's caps are.
  if (memoryMb > defaultCaps.memoryMb)
    refuse(entry, `"limits.memoryMb" is ${memoryMb}; WebAssembly has ${defaultCaps.memoryMb} at the most`);
  if (guest === 'component') {
    if (protocol !== undefined)
      refuse(entry, '"wasm.protocol" is for modules, a component is called through wasi:http; leave it out');
    if (args.length > 0) refuse(entry, '"wasm.args" is for modules, a component has no main; leave it out');
    for (const [name, { kind }] of Object.entries(manifest.bindings ?? {})) {
      if (!beyondComponents.has(kind)) continue;
      const what = `"${name}" of kind "${kind}" is out of a component's reach: no WASI interface is for it`;
      refuse(entry, `${what}; leave it out, or make it a command, which has the imports named islet`);
    }
    return { guest, protocol: 'http', reuse, args: [] };
  }
  if (manifest.wasm?.reuse !== undefined)
    refuse(entry, '"wasm.reuse" is for components; a module that is to stay uses the protocol "events"');
  return { guest, protocol: protocol ?? 'cgi', reuse: 1, args: [basename(entry), ...args] };
}

function refuse(entry: string, why: string): never {
  throw new HostError('ERR_MANIFEST', `Cannot deploy ${entry}: ${why}`);
}
