import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Engine, WasmSpec } from '#runtime/engine.ts';
import { WasmEngine } from '#runtime/wasm/engine.ts';
import { engineContract } from '#test/contract/engine.ts';
import { command, failsAtStart, loopsAtStart } from '#test/support/wasm-command.ts';
import { compileWasm, nativeAddon, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

const open = async (): Promise<Engine<WasmSpec>> =>
  new WasmEngine({ native: nativeAddon(), folder: wasmFolder, workers: 2, beat: () => undefined });

/** Of both kinds of guests. */
const exceptions = {
  'an instance that had to be stopped is given up':
    'each call has a store of its own: what has to be stopped costs that store, and the instance goes on',
};

void t.test('engine contract: a preview 1 command', { skip: withoutAddon }, async (t) => {
  engineContract<WasmSpec>(t, {
    open,
    guests: {
      main: { wasm: await compileWasm(command()) },
      failsAtStart: { wasm: await compileWasm(failsAtStart) },
      loopsAtStart: { wasm: await compileWasm(loopsAtStart) },
    },
    exceptions,
  });
});

for (const reuse of [1, 3]) {
  void t.test(`engine contract: a wasi:http component, reuse ${reuse}`, { skip: withoutAddon }, async (t) => {
    const text = readFileSync(join(import.meta.dirname, '../../guests/wasm/wat/http.wat'), 'utf8');
    const main = text
      .replace('(i32.const 512) "Hello World!"', '(i32.const 512) "hello"')
      .replace('(i32.const 512) (i32.const 12)', '(i32.const 512) (i32.const 5)');
    const starting = (body: string): string =>
      text.replace('(func (export "handle")', `(func $begin ${body}) (start $begin) (func (export "handle")`);
    const noImports =
      'the component is written by hand and imports neither wasi:logging nor wasi:keyvalue; see test/host';
    engineContract<WasmSpec>(t, {
      open,
      guests: {
        main: { wasm: await compileWasm(main, { reuse }) },
        failsAtStart: { wasm: await compileWasm(starting('unreachable'), { reuse }) },
        loopsAtStart: { wasm: await compileWasm(starting('(loop $again (br $again))'), { reuse }) },
      },
      exceptions: {
        ...exceptions,
        'log: all of its budget may be used, one byte more ends the invocation': noImports,
        'an operation goes to the host, and its answer or its error comes back': noImports,
        'an operation under way ends with its invocation': noImports,
      },
    });
  });
}
