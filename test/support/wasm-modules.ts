/** Text of a command that does nothing; `salt` makes it another module. */
export function quietCommand(salt: string = ''): string {
  return `(module (memory (export "memory") 1) (data (i32.const 0) ${JSON.stringify(salt)}) (func (export "_start")))`;
}

/**
 * Text of one function of so many branches that register allocation and optimisation are at it for long: ten thousand
 * are seconds of CPU, a hundred thousand GBs of memory.
 */
export function slowCommand(branches: number): string {
  const body: string[] = [];
  for (let at = 0; at < branches; at++) {
    body.push(`(block (br_if 0 (local.get 0)) (local.set 0 (i32.add (local.get 0) (i32.const ${at}))))`);
  }
  return `(module (memory (export "memory") 1) (func (export "_start") (local i32) ${body.join('\n')}))`;
}
