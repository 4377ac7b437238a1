import { integer, isRecord, text, toKind } from './manifest-values.ts';
import type { Report } from './manifest-values.ts';
import { didYouMean } from './nearest.ts';

/** How calls reach a WebAssembly module; see WasmProgram (runtime/deployment.ts). */
export interface WasmManifest {
  /** Of WASI preview 1 commands; components speak wasi:http. Default `cgi`. */
  readonly protocol?: CommandProtocol;
  /** Requests one instance of a component answers, one after the other. Default 1. */
  readonly reuse?: number;
  /** Arguments of a command, after the program's name. */
  readonly args?: readonly string[];
}

export type CommandProtocol = 'cgi' | 'events' | 'lambda';

const keys: readonly string[] = ['protocol', 'reuse', 'args'];
const protocols: readonly CommandProtocol[] = ['cgi', 'events', 'lambda'];
const mostReuse = 1000;
const mostArgs = 100;
const longestArg = 8192;
/** A path without its extension, then names joined by dots. */
const handlerPattern =
  /^(?:[A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]+(?:\.[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*)+$/;

/** The `wasm` object of a manifest. */
export function checkWasm(value: unknown, report: Report): WasmManifest | undefined {
  if (!isRecord(value)) return report(['wasm'], `wasm is an object, this is ${toKind(value)}`);
  const wasm: { -readonly [K in keyof WasmManifest]?: WasmManifest[K] | undefined } = {};
  for (const [key, entry] of Object.entries(value)) {
    if (key === 'protocol') wasm.protocol = checkProtocol(entry, report);
    else if (key === 'reuse') wasm.reuse = integer(entry, ['wasm', 'reuse'], [1, mostReuse], report);
    else if (key === 'args') wasm.args = checkArgs(entry, report);
    else report(['wasm', key], `unknown key "${key}"${didYouMean(key, keys)}`);
  }
  return Object.fromEntries(Object.entries(wasm).filter(([, entry]) => entry !== undefined));
}

/** `handler` of a manifest: `handler.lambda_handler`, `src/app.Shop::Api.call`. */
export function checkHandler(value: unknown, report: Report): string | undefined {
  const handler = text(value, ['handler'], report);
  if (handler === undefined || handlerPattern.test(handler)) return handler;
  return report(
    ['handler'],
    `${JSON.stringify(handler)} is no handler; use the file without its extension and the function, e.g. "handler.lambda_handler"`,
  );
}

function checkProtocol(value: unknown, report: Report): CommandProtocol | undefined {
  const path = ['wasm', 'protocol'];
  const given = text(value, path, report);
  if (given === undefined) return undefined;
  const protocol = protocols.find((known) => known === given);
  if (protocol !== undefined) return protocol;
  const known = protocols.map((each) => `"${each}"`).join(', ');
  const nearest = didYouMean(given, protocols);
  return report(path, `unknown protocol "${given}"${nearest === '' ? `; there are ${known}` : nearest}`);
}

function checkArgs(value: unknown, report: Report): readonly string[] | undefined {
  const path = ['wasm', 'args'];
  if (!Array.isArray(value)) return report(path, `wasm.args is a list, this is ${toKind(value)}`);
  if (value.length > mostArgs)
    return report(path, `${value.length} arguments, at most ${mostArgs} are passed`);
  const args: string[] = [];
  for (const [index, entry] of (value as unknown[]).entries()) {
    const arg = text(entry, [...path, index], report);
    if (arg === undefined) continue;
    if (arg.length <= longestArg && !arg.includes('\0')) args.push(arg);
    else report([...path, index], `an argument has no NUL and at most ${longestArg} characters`);
  }
  return args;
}
