import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { WasmProgram } from '#runtime/deployment.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { loadAddon } from '#runtime/wasm/addon.ts';
import type { Native, NativeEngine, NativeEvent } from '#runtime/wasm/native.ts';
import { spreadOf } from './histogram.ts';
import type { WasmEngineRow } from './report.ts';
import { serveTasks } from './tasks.ts';

/** The addon by itself, as a cell holds it, without a cell around it. */
interface EnginePlan {
  readonly what: string;
  readonly module: string;
  readonly starts: number;
  readonly calls: number;
}

const addon = loadAddon();

function native(): Native {
  if (!addon.ok) throw new Error(addon.reason);
  return addon.native;
}

/** What the report says of the addon; undefined where there is none. */
async function about(): Promise<{ addonBytes: number; pooled: boolean } | undefined> {
  if (!addon.ok) return undefined;
  const engine = open(() => undefined);
  const { pooled } = engine;
  engine.close();
  return { addonBytes: (await stat(addon.path)).size, pooled };
}

function open(notify: () => void): NativeEngine {
  const { Engine } = native();
  return new Engine({ workers: 1, slots: 64, maxMemoryMb: defaultLimits.memoryMb }, notify);
}

/** Compiles the module, loads it `starts` times, and calls the last one `calls` times, one call after the other. */
async function engine({ what, module, starts, calls }: EnginePlan): Promise<WasmEngineRow> {
  const began = performance.now();
  const compiled = await native().compile(Buffer.from(module));
  const compileMs = performance.now() - began;
  if (!compiled.ok) throw new Error(`${what} does not compile: ${compiled.message}`);
  const folder = await mkdtemp(join(tmpdir(), 'islet-bench-'));
  // One file a start: what has been loaded once stays in memory.
  const write = async (number: number): Promise<string> => {
    const artifact = join(folder, `${number}.cwasm`);
    await writeFile(artifact, compiled.artifact, { mode: 0o600 });
    return artifact;
  };
  let hear: (events: readonly NativeEvent[]) => void = () => undefined;
  const engine: NativeEngine = open(() => hear(engine.drain()));
  try {
    const { guest } = compiled;
    const loads: number[] = [];
    const instances: number[] = [];
    for (let i = -5; i < starts; i++) {
      const loaded = await engine.load(i + 6, specOf(await write(i + 6), guest));
      if (!loaded.ok) throw new Error(`${what} does not load: ${loaded.message}`);
      if (i >= 0) {
        loads.push(loaded.loadMs);
        instances.push(loaded.startMs);
      }
      if (i < starts - 1) engine.unload(i + 6);
    }
    const times: number[] = [];
    for (let i = -20; i < calls; i++) {
      const from = performance.now();
      await call(engine, starts + 5, i + 21, (listener) => {
        hear = listener;
      });
      if (i >= 0) times.push(performance.now() - from);
    }
    return {
      what,
      moduleBytes: Buffer.byteLength(module),
      artifactBytes: compiled.artifact.length,
      compileMs,
      load: spreadOf(loads),
      instantiate: spreadOf(instances),
      call: spreadOf(times),
    };
  } finally {
    engine.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function specOf(artifact: string, guest: WasmProgram['guest']): string {
  const { memoryMb, cpuMs, startupCpuMs, logBytes } = defaultLimits;
  const program: WasmProgram = {
    guest,
    protocol: guest === 'component' ? 'http' : 'cgi',
    reuse: 1,
    args: ['hello'],
  };
  const limits = { memoryMb, cpuMs, startupCpuMs, logBytes };
  return JSON.stringify({ artifact, program, vars: {}, bindings: [], function: 'hello', limits });
}

/** One request; resolves with its end, and rejects when it is not answered with 200. */
function call(
  engine: NativeEngine,
  instance: number,
  invocation: number,
  listen: (listener: (events: readonly NativeEvent[]) => void) => void,
): Promise<void> {
  const head = { m: 'GET', u: 'http://hello.localhost/', h: [], b: 0, id: 'bench', d: Date.now() + 10_000 };
  return new Promise((resolve, reject) => {
    let answered = false;
    listen((events) => {
      for (const { kind, text = '' } of events) {
        if (kind === 'A' || kind === 'H') answered = text.startsWith('[200,');
        if (kind === 'A' || kind === 'ended') {
          if (answered) resolve();
          else reject(new Error(`The call ended with ${kind} ${text}`));
        }
      }
    });
    engine.begin(instance, invocation, JSON.stringify([0, invocation, head, 0, 0]), undefined);
  });
}

/** CPU this process has used, in ms: what `wasmtime serve` is held against is measured from outside. */
const cpu = (): { hostMs: number } => {
  const { user, system } = process.cpuUsage();
  return { hostMs: (user + system) / 1000 };
};

serveTasks({ about, engine, cpu });
