import { readFile } from 'node:fs/promises';
import t from 'tap';
import type { WasmSpec } from '#runtime/engine.ts';
import { WasmEngine } from '#runtime/wasm/engine.ts';
import { engineContract } from '#test/contract/engine.ts';
import { guestOrSkip } from '#test/support/wasm-guests.ts';
import { laterComponentStarting } from '#test/support/wasm-later-component.ts';
import { compileWasm, nativeAddon, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

const grows = '(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable';

for (const reuse of [1, 3]) {
  const name = `engine contract: a wasi:http 0.3 component, reuse ${reuse}`;
  void t.test(name, { skip: withoutAddon }, async (t) => {
    const file = await guestOrSkip(t, 'component-0.3');
    if (file === undefined) return;
    const starting = async (body: string) => ({
      wasm: await compileWasm(laterComponentStarting(body), { reuse }),
    });
    engineContract<WasmSpec>(t, {
      open: async () =>
        new WasmEngine({
          native: nativeAddon(),
          folder: wasmFolder,
          workers: 2,
          slots: 16,
          beat: () => undefined,
        }),
      guests: {
        main: { wasm: await compileWasm(await readFile(file), { reuse }) },
        failsAtStart: await starting('unreachable'),
        loopsAtStart: await starting('(loop $again (br $again))'),
        growsAtStart: await starting(grows),
      },
      exceptions: {
        'an instance that had to be stopped is given up':
          'each call has a store of its own: what has to be stopped costs that store, and the instance goes on',
      },
    });
  });
}
