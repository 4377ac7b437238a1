import t from 'tap';
import { invokeThrough } from '#host/http/invoke-door.ts';
import { noUsage } from '#runtime/meter.ts';
import { TestDispatch, testRegistry } from '#test/support/http-dispatch.ts';
import type { Guest } from '#test/support/http-dispatch.ts';

function door(guest: Guest, immediately = false) {
  const functions = { fn: { guest, immediately } };
  const dispatch = new TestDispatch(functions);
  return { dispatch, target: testRegistry(functions).target('fn') };
}

const returns: Guest = ({ call }) => ({
  kind: 'returned',
  value: call.kind === 'event' ? call.event : 'null',
});

void t.test('host.invoke: the event goes in as JSON and the result comes back parsed', async (t) => {
  const { dispatch, target } = door(returns);
  const result = await invokeThrough(
    dispatch,
    target,
    { a: [1, null], b: undefined },
    { clientContext: { c: 1 } },
  );
  t.strictSame(result.value, { a: [1, null] });
  t.equal(result.outcome.kind, 'returned');
  t.strictSame(result.usage, noUsage);
  t.match(result.invocationId, /^[0-9a-f-]{36}$/);
  t.strictSame(dispatch.calls, [{ kind: 'event', event: '{"a":[1,null]}', clientContext: '{"c":1}' }]);
});

void t.test('host.invoke: an outcome that comes before start returns has its id too', async (t) => {
  const { dispatch, target } = door(returns, true);
  const result = await invokeThrough(dispatch, target, null);
  t.equal(result.value, null);
  t.match(result.invocationId, /^[0-9a-f-]{36}$/);
});

void t.test('host.invoke: a guest that throws is an outcome, with no value', async (t) => {
  const { dispatch, target } = door(() => {
    throw new RangeError('mine');
  });
  const result = await invokeThrough(dispatch, target, {});
  t.match(result.outcome, { kind: 'threw', error: { name: 'RangeError', message: 'mine' } });
  t.notOk('value' in result);
});

void t.test('host.invoke: what is not JSON is a TypeError and starts nothing', async (t) => {
  const { dispatch, target } = door(returns);
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  for (const event of [undefined, () => {}, Symbol('s'), 1n, { a: 1n }, cycle]) {
    await t.rejects(invokeThrough(dispatch, target, event), TypeError);
  }
  await t.rejects(invokeThrough(dispatch, target, {}, { clientContext: cycle }), TypeError);
  t.equal(dispatch.calls.length, 0);
});

void t.test('host.invoke: aborting cancels the call; aborted before, it rejects', async (t) => {
  const { dispatch, target } = door(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  const controller = new AbortController();
  const invoked = invokeThrough(dispatch, target, {}, { signal: controller.signal });
  controller.abort();
  t.equal((await invoked).outcome.kind, 'cancelled');
  t.strictSame(dispatch.events, ['abort']);
  const signal = AbortSignal.abort(new Error('before'));
  await t.rejects(invokeThrough(dispatch, target, {}, { signal }), { message: 'before' });
  t.equal(dispatch.calls.length, 1);
});
