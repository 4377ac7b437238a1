import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { watGuest } from './wasm-guests.ts';
import { eventMessage, nothing, startWasm, type StartedWasm, type StartWasmOptions } from './wasm-start.ts';

/** A resident that says each line again; "null" traps, 0 loops for ever, 1 prints without end. */
export const events: string = readFileSync(watGuest('events'), 'utf8');

/** `events`, with more to do for lines that begin like this; `$length` of them lie at 1024. */
export function but(line: string, body: string): string {
  const byte = line.charCodeAt(0);
  return events.replace(
    '(if (i32.eq (i32.load (i32.const 1024)) (i32.const 0x6c6c756e))',
    `(if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const ${byte})) (then ${body}))\n$&`,
  );
}

/** An instance of a resident on an engine of its own that closes with the test. */
export async function startResident(
  t: Test,
  guest: string = events,
  options: StartWasmOptions = {},
): Promise<StartedWasm> {
  return await startWasm(t, guest, { ...options, program: { ...options.program, protocol: 'events' } });
}

/** JSON text of what an event comes to; undefined when it fails. */
export async function resultOf({ heard, instance }: StartedWasm, event: string): Promise<unknown> {
  const number = heard.nextNumber();
  instance.begin(number, eventMessage(number, event), nothing);
  await heard.ended(number);
  return heard.lineOf(number, 'R')?.[0];
}
