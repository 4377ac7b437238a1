import { readFileSync } from 'node:fs';
import t from 'tap';
import { In } from '#runtime/guest/protocol.ts';
import { command } from '#test/support/wasm-command.ts';
import { watGuest } from '#test/support/wasm-guests.ts';
import { nothing, requestMessage as request, startWasm as start } from '#test/support/wasm-start.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const guests: Readonly<Record<string, string>> = {
  component: readFileSync(watGuest('http'), 'utf8'),
  command: command(),
};
const abort = (invocation: number): string => `[${In.Abort},${invocation}]`;

for (const [kind, guest] of Object.entries(guests)) {
  void t.test(`abort: a ${kind} that reads a body ends`, { skip: withoutAddon }, async (t) => {
    const { heard, instance } = await start(t, guest);
    instance.begin(1, request(1, '/e', 2), nothing);
    instance.message(1, `[${In.Chunk},1,0,0,5]`, Buffer.from('first'));
    await heard.line(1, 'C');
    instance.message(1, abort(1), nothing);
    t.equal((await heard.ended(1)).cause, 'finished');
    t.equal(instance.inFlight, 0);
  });

  void t.test(`abort: a ${kind} that writes to nobody ends`, { skip: withoutAddon }, async (t) => {
    const { heard, instance } = await start(t, guest, { limits: { cpuMs: 20_000 } });
    instance.begin(1, request(1, '/b'), nothing);
    // Out of credit from now on.
    await heard.line(1, 'C');
    instance.message(1, abort(1), nothing);
    t.equal((await heard.ended(1)).cause, 'finished');
  });

  void t.test(`abort: a ${kind} that waits for a slot never runs`, { skip: withoutAddon }, async (t) => {
    const { heard, instance } = await start(t, guest, { slots: 1 });
    instance.begin(1, request(1, '/e', 2), nothing);
    instance.begin(2, request(2, '/l'), nothing);
    instance.message(2, abort(2), nothing);
    const { cause, cpuMs } = await heard.ended(2);
    t.equal(cause, 'finished');
    t.ok(cpuMs < 50, 'it had no turn to loop');
    t.equal(heard.endsOf(1), 0);
    instance.message(1, `[${In.End},1,0]`, nothing);
    t.equal((await heard.ended(1)).cause, 'finished');
  });

  void t.test(`abort: a ${kind} that hears nothing keeps its limits`, { skip: withoutAddon }, async (t) => {
    const { heard, instance } = await start(t, guest, { limits: { cpuMs: 100 } });
    instance.begin(1, request(1, '/l'), nothing);
    instance.message(1, abort(1), nothing);
    t.equal((await heard.ended(1)).cause, 'cpuMs');
  });
}

void t.test('abort: an answer that is whole goes nowhere', { skip: withoutAddon }, async (t) => {
  const { heard, instance } = await start(t, command());
  // It answers when it has seen the end of its input, which breaks.
  instance.begin(1, request(1, '/e', 2), nothing);
  instance.message(1, abort(1), nothing);
  t.equal((await heard.ended(1)).cause, 'finished');
  t.equal(heard.lineOf(1, 'A'), undefined);
});
