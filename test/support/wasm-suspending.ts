import { buildModule, i32 } from './wasm-builder.ts';

/** Imports `m.wait` and `m.call`, both from i32 to i32, which functions of it call. */
export const suspending: Uint8Array<ArrayBuffer> = buildModule({
  types: [
    [[i32], [i32]],
    [[i32, i32], [i32]],
  ],
  imports: [
    ['m', 'wait', [0, 0]],
    ['m', 'call', [0, 0]],
  ],
  functions: [
    // wait(wait(x))
    { type: 0, code: [0x20, 0, 0x10, 0, 0x10, 0] },
    // depth === 0 ? wait(x) : 1 + deep(depth - 1, x)
    {
      type: 1,
      code: [
        0x20, 0, 0x45, 0x04, 0x7f, 0x20, 1, 0x10, 0, 0x05, 0x41, 1, 0x20, 0, 0x41, 1, 0x6b, 0x20, 1, 0x10, 3,
        0x6a, 0x0b,
      ],
    },
    // wait(x), then a loop without an end
    { type: 0, code: [0x20, 0, 0x10, 0, 0x1a, 0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 0] },
    // wait(x), then a trap
    { type: 0, code: [0x20, 0, 0x10, 0, 0x1a, 0x00] },
    // wait(x), then recursion without an end
    { type: 0, code: [0x20, 0, 0x10, 0, 0x10, 8] },
    // call(wait(x))
    { type: 0, code: [0x20, 0, 0x10, 0, 0x10, 1] },
    { type: 0, code: [0x20, 0, 0x10, 8] },
  ],
  exports: [
    ['twice', 0, 2],
    ['deep', 0, 3],
    ['loop', 0, 4],
    ['trap', 0, 5],
    ['recurse', 0, 6],
    ['call', 0, 7],
  ],
});

/** Guest code: `wasm` has the module's functions, promising; what waits is in `waiting`, in order, until `go`. */
export const suspendingPrelude = (module: string): string => `
  const waiting = [];
  let call = (x) => x;
  const wait = new WebAssembly.Suspending((x) => new Promise((resolve, reject) => waiting.push({ resolve, reject, x })));
  const { exports: plain } = new WebAssembly.Instance(${module}, { m: { wait, call: (x) => call(x) } });
  const wasm = {};
  for (const name of Object.keys(plain)) wasm[name] = WebAssembly.promising(plain[name]);
  const go = (count = waiting.length) => waiting.splice(0, count).forEach(({ resolve, x }) => resolve(x + 1));
  const turn = () => new Promise((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
  const outcome = (promise) => promise.then((value) => value, (error) => error?.constructor?.name + ': ' + error?.message);`;
