/**
 * What the rest of the runtime tells WebAssembly's account and asks of it: most functions have no memory of WebAssembly's,
 * and the account (wasm-account.ts) runs with the first look at `WebAssembly`.
 */
let memoryMb = 0;
let isOver = (): boolean => false;

/** Before guest code runs: the instance's whole limit. */
export function limitMemories(limitMb: number): void {
  memoryMb = limitMb;
}

export function memoryLimitMb(): number {
  return memoryMb;
}

/** By the account, once. */
export function onMemoryCheck(check: () => boolean): void {
  isOver = check;
}

/** Counts what memories have grown from inside. True when heap and memories are over the limit: the instance has to end. */
export function isOverMemory(): boolean {
  return isOver();
}
