import t from 'tap';
import type { WasmSpec } from '#runtime/engine.ts';
import { WasmEngine } from '#runtime/wasm/engine.ts';
import type { EngineOptions, Native } from '#runtime/wasm/native.ts';
import { engineContract } from '#test/contract/engine.ts';
import { command, failsAtStart, loopsAtStart } from '#test/support/wasm-command.ts';
import { compileWasm, nativeAddon, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

/** More memory than any machine has addresses for: the addon probes for a pool of that size, finds none, and goes on. */
const beyondAddresses = 1e9;

/** The addon on a machine whose addresses are few. */
function shortOfAddresses(native: Native): Native {
  return {
    sourceHash: () => native.sourceHash(),
    engineHash: () => native.engineHash(),
    compile: (module) => native.compile(module),
    Engine: class extends native.Engine {
      constructor(options: EngineOptions, notify: () => void) {
        super({ ...options, maxMemoryMb: beyondAddresses }, notify);
      }
    },
  };
}

const open = async (wrap: (native: Native) => Native): Promise<WasmEngine> =>
  new WasmEngine({ native: wrap(nativeAddon()), folder: wasmFolder, workers: 2, beat: () => undefined });

void t.test(
  'pool: an engine that gets none says so, one that gets one too',
  { skip: withoutAddon },
  async (t) => {
    const wasm = await compileWasm(command());
    const watcher = { line: idle, answered: idle, ended: idle, unhealthy: idle, condemned: idle };
    const limits = { memoryMb: 64, cpuMs: 1000, startupCpuMs: 1000, logBytes: 1000 };
    for (const [wrap, pooled] of [
      [shortOfAddresses, false],
      [(native: Native) => native, true],
    ] as const) {
      const engine = await open(wrap);
      t.teardown(() => {
        engine.close();
      });
      t.equal(engine.pooled, undefined, 'nobody knows before the first start');
      const head = '{"function":"f","version":1,"memoryMb":64,"vars":{},"bindings":[],"agent":"islet/test"}';
      await engine.start({ wasm, head, limits }, watcher);
      t.equal(engine.pooled, pooled);
    }
  },
);

const growsAtStart = `(module (memory (export "memory") 1)
  (func $grow (loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)
  (start $grow) (func (export "_start")))`;

/** Artifacts are the same, with a pool and without. */
void t.test('engine contract: a preview 1 command, without a pool', { skip: withoutAddon }, async (t) => {
  engineContract<WasmSpec>(t, {
    open: () => open(shortOfAddresses),
    guests: {
      main: { wasm: await compileWasm(command()) },
      failsAtStart: { wasm: await compileWasm(failsAtStart) },
      loopsAtStart: { wasm: await compileWasm(loopsAtStart) },
      growsAtStart: { wasm: await compileWasm(growsAtStart) },
    },
    exceptions: {
      'an instance that had to be stopped is given up':
        'each call has a store of its own: what has to be stopped costs that store, and the instance goes on',
    },
  });
});

function idle(): void {
  // What it says is not asked for.
}
