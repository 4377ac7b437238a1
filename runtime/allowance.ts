/**
 * What code in an isolate may do only where its manifest says so:
 * `eval`: make code from strings, by eval and the function constructors.
 * `runningClock`: see time pass within a turn.
 * `sharedArrayBuffer`: have SharedArrayBuffer and shared WebAssembly memories.
 */
export type Allowance = 'eval' | 'runningClock' | 'sharedArrayBuffer';

export const allowances: readonly Allowance[] = ['eval', 'runningClock', 'sharedArrayBuffer'];
