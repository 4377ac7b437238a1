import { createHash } from 'node:crypto';
import t from 'tap';
import { StartFailure, type ScriptSpec } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { Listener } from '#test/support/engine-listener.ts';
import { requestHead } from '#test/support/guest-harness.ts';

const bundle = await loadGuestBundle();
const engine = new IsolateEngine({ bundle, spares: 0, beat: () => undefined });
t.teardown(() => engine.close());

const head = JSON.stringify({ function: 'f', version: 1, memoryMb: 128, vars: {}, bindings: [], agent: 'a' });
const limits = { ...defaultLimits, startupCpuMs: 200 };

const spec = (topLevel: string): ScriptSpec => ({
  head,
  limits,
  source: `
    ${topLevel}
    const answer = typeof result === 'undefined' ? '' : [...new Uint8Array(result)].join();
    export default { fetch: () => new Response(answer) }`,
});

void t.test('top level: a digest is done there, and paid by the start', async (t) => {
  const listener = new Listener();
  const topLevel = `const result = await crypto.subtle.digest('SHA-256', new Uint8Array(1000));`;
  const { instance } = await engine.start(spec(topLevel), listener.watcher);
  t.teardown(() => instance.dispose());
  const number = listener.nextNumber();
  instance.begin(number, JSON.stringify([0, number, requestHead(), 0, 0]), new Uint8Array());
  await listener.ended(number);
  const expected = createHash('sha256').update(new Uint8Array(1000)).digest();
  t.equal(listener.bodyOf(number), [...expected].join());
});

void t.test('top level: a key made there is the instance’s', async (t) => {
  const listener = new Listener();
  const made = spec(
    `const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-1' }, false, ['sign']);`,
  );
  const source = made.source.replace(
    'new Response(answer)',
    `crypto.subtle.sign('HMAC', key, new Uint8Array()).then((bytes) => new Response(bytes))`,
  );
  const { instance } = await engine.start({ ...made, source }, listener.watcher);
  t.teardown(() => instance.dispose());
  const number = listener.nextNumber();
  instance.begin(number, JSON.stringify([0, number, requestHead(), 0, 0]), new Uint8Array());
  await listener.ended(number);
  t.equal(listener.bytesOf(number).length, 20);
});

void t.test('top level: work beyond the start’s CPU ends the start', async (t) => {
  const topLevel = `for (;;) await crypto.subtle.digest('SHA-512', new Uint8Array(2 ** 22));`;
  const starting = engine.start(spec(topLevel), new Listener().watcher);
  await t.rejects(starting, new StartFailure({ kind: 'exceeded', limit: 'startupCpuMs' }));
});
