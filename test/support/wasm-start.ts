import type { Test } from 'tap';
import type { Instance, Started, WasmSpec } from '#runtime/engine.ts';
import type { WasmStart } from '#runtime/frames.ts';
import { In } from '#runtime/guest/protocol.ts';
import { defaultLimits, type Limits } from '#runtime/limits.ts';
import { WasmEngine } from '#runtime/wasm/engine.ts';
import { Listener } from './engine-listener.ts';
import { compileWasm, nativeAddon, wasmFolder } from './wasm.ts';

export interface StartWasmOptions {
  readonly limits?: Partial<Limits>;
  readonly program?: Partial<WasmStart['program']> & { readonly folder?: string };
  readonly slots?: number;
  readonly workers?: number;
}

export interface StartedWasm {
  readonly heard: Listener;
  readonly instance: Instance;
  readonly phases: Started['phases'];
}

const head = JSON.stringify({
  function: 'wasm',
  version: 1,
  memoryMb: 64,
  vars: {},
  bindings: [],
  agent: 'islet/test',
});

export const nothing: Uint8Array = new Uint8Array();

/** An instance of `guest`, module text, on an engine of its own that closes with the test. */
export async function startWasm(
  t: Test,
  guest: string,
  options: StartWasmOptions = {},
): Promise<StartedWasm> {
  return await startWasmOn(openWasm(t, options), guest, options);
}

/** An engine that closes with the test. */
export function openWasm(t: Test, options: Pick<StartWasmOptions, 'slots' | 'workers'> = {}): WasmEngine {
  const { slots, workers = 2 } = options;
  const native = nativeAddon();
  const engine = new WasmEngine({
    native,
    folder: wasmFolder,
    workers,
    beat: () => undefined,
    ...(slots === undefined ? {} : { slots }),
  });
  t.teardown(() => {
    engine.close();
  });
  return engine;
}

/** What `guest`, module text, is started from. */
export async function toWasmSpec(
  guest: string,
  { limits, program }: StartWasmOptions = {},
): Promise<WasmSpec> {
  return { wasm: await compileWasm(guest, program), head, limits: { ...defaultLimits, ...limits } };
}

/** One more instance of an engine, started as a cell does. */
export async function startWasmOn(
  engine: WasmEngine,
  guest: string,
  options: StartWasmOptions = {},
): Promise<StartedWasm> {
  return await startSpecOn(engine, await toWasmSpec(guest, options));
}

/** The same, of what may have been started before. */
export async function startSpecOn(engine: WasmEngine, spec: WasmSpec): Promise<StartedWasm> {
  const heard = new Listener();
  const { instance, phases } =
    engine.startNow(spec, heard.watcher) ?? (await engine.start(spec, heard.watcher));
  return { heard, instance, phases };
}

/** `body`: 0 none, 2 on stream 0. */
export function requestMessage(invocation: number, path: string, body: 0 | 2 = 0): string {
  const d = Date.now() + 30_000;
  const message = { m: 'POST', u: `http://wasm${path}`, h: [], b: body, id: `id-${invocation}`, d };
  return `[${In.Request},${invocation},${JSON.stringify(message)},0,0]`;
}

/** `event`: JSON text. */
export function eventMessage(invocation: number, event: string): string {
  return `[${In.Event},${invocation},{"e":${event},"id":"id-${invocation}","d":${Date.now() + 30_000}}]`;
}
