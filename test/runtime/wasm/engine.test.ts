import t from 'tap';
import type { Engine, WasmSpec } from '#runtime/engine.ts';
import { WasmEngine } from '#runtime/wasm/engine.ts';
import { engineContract } from '#test/contract/engine.ts';
import { command, failsAtStart, loopsAtStart } from '#test/support/wasm-command.ts';
import { bindingsComponent } from '#test/support/wasm-component.ts';
import { compileWasm, nativeAddon, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

/** With few slots: each law has an engine of its own, and their pools together would run out of mappings. */
const open = async (): Promise<Engine<WasmSpec>> =>
  new WasmEngine({ native: nativeAddon(), folder: wasmFolder, workers: 2, slots: 16, beat: () => undefined });

/** Of both kinds of guests. */
const exceptions = {
  'an instance that had to be stopped is given up':
    'each call has a store of its own: what has to be stopped costs that store, and the instance goes on',
};

const grows = '(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable';
const growsAtStart = `(module (memory (export "memory") 1) (func $grow ${grows}) (start $grow) (func (export "_start")))`;

void t.test('engine contract: a preview 1 command', { skip: withoutAddon }, async (t) => {
  engineContract<WasmSpec>(t, {
    open,
    guests: {
      main: { wasm: await compileWasm(command()) },
      failsAtStart: { wasm: await compileWasm(failsAtStart) },
      loopsAtStart: { wasm: await compileWasm(loopsAtStart) },
      growsAtStart: { wasm: await compileWasm(growsAtStart) },
    },
    exceptions,
  });
});

for (const reuse of [1, 3]) {
  void t.test(`engine contract: a wasi:http component, reuse ${reuse}`, { skip: withoutAddon }, async (t) => {
    const text = bindingsComponent();
    const starting = (body: string): string =>
      text.replace('(func (export "handle")', `(func $begin ${body}) (start $begin) (func (export "handle")`);
    engineContract<WasmSpec>(t, {
      open,
      guests: {
        main: { wasm: await compileWasm(text, { reuse }) },
        failsAtStart: { wasm: await compileWasm(starting('unreachable'), { reuse }) },
        loopsAtStart: { wasm: await compileWasm(starting('(loop $again (br $again))'), { reuse }) },
        growsAtStart: { wasm: await compileWasm(starting(grows), { reuse }) },
      },
      exceptions,
    });
  });
}
