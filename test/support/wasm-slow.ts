import { i32, leb, signed, buildModule } from './wasm-builder.ts';

/**
 * A small command, binary, of one function with so many branches that the compiler is at it for long: 60,000 are less
 * than 1 MiB and more than ten seconds of CPU. `salt` makes it another module.
 */
export function slowModule(branches: number, salt: number = 0): Uint8Array {
  const code: number[] = [];
  for (let at = 0; at < branches; at++) {
    // block: br_if 0 (local 0); local 0 = local 0 + at
    code.push(0x02, 0x40, 0x20, 0, 0x0d, 0, 0x20, 0, 0x41, ...signed(at + salt), 0x6a, 0x21, 0, 0x0b);
  }
  return buildModule({
    types: [[[], []]],
    memories: [[0, 1]],
    exports: [
      ['memory', 2, 0],
      ['_start', 0, 0],
    ],
    functions: [{ type: 0, locals: [...leb(1), ...leb(1), i32], code }],
  });
}
