import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

/** What each allowance is about, as a function tells. */
const looks = `export default { fetch() {
  const attempt = (run) => { try { return run(); } catch (error) { return error.name; } };
  const began = [Date.now(), performance.now(), Temporal.Now.instant().epochMilliseconds];
  let moved = 0;
  for (let turns = 0; moved === 0 && turns < 2e6; turns++) moved = performance.now() - began[1];
  return Response.json({
    eval: attempt(() => (0, eval)('this === globalThis && 1 + 1')),
    direct: attempt(() => { const two = 2; return eval('two'); }),
    Function: attempt(() => new Function('return 2')()),
    made: attempt(() => (async () => {}).constructor('return 2').constructor.name),
    moved: moved > 0,
    shared: typeof SharedArrayBuffer,
    atomics: attempt(() => Atomics.add(new Int32Array(new SharedArrayBuffer(8)), 0, 2)),
    waits: attempt(() => typeof Atomics.wait),
    grows: attempt(() => new SharedArrayBuffer(8, { maxByteLength: 16 }).grow(16) === undefined),
    counts: attempt(() => new SharedArrayBuffer(8, { maxByteLength: 2 ** 30 }).byteLength),
    memory: attempt(() => new WebAssembly.Memory({ shared: true, initial: 1, maximum: 2 }).buffer.constructor.name),
    large: attempt(() => new WebAssembly.Memory({ shared: true, initial: 1, maximum: 2 ** 14 }).buffer.byteLength),
  });
} }`;

const none = {
  eval: 'EvalError',
  direct: 'EvalError',
  Function: 'EvalError',
  made: 'EvalError',
  moved: false,
  shared: 'undefined',
  atomics: 'ReferenceError',
  waits: 'ReferenceError',
  grows: 'ReferenceError',
  counts: 'ReferenceError',
  memory: 'TypeError',
  large: 'TypeError',
};

await t.test('allow: each word gives what it says and nothing else', async (t) => {
  const test = await openTestHost(t);
  const limits = { cpuMs: 5000 };
  const see = async (name: string, allow: readonly string[]): Promise<unknown> => {
    const info = await test.deploy(name, looks, { limits, allow });
    t.same(info.allow ?? [], allow);
    return JSON.parse((await test.request(`/${name}/`)).text);
  };
  const code = { eval: 2, direct: 2, Function: 2, made: 'AsyncFunction' };
  const shared = {
    shared: 'function',
    atomics: 0,
    waits: 'undefined',
    grows: true,
    counts: 'RangeError',
    memory: 'SharedArrayBuffer',
    large: 'RangeError',
  };
  t.same(await see('none', []), none);
  t.same(await see('eval', ['eval']), { ...none, ...code });
  t.same(await see('clock', ['runningClock']), { ...none, moved: true });
  t.same(await see('shared', ['sharedArrayBuffer']), { ...none, ...shared });
  t.same(await see('all', ['eval', 'runningClock', 'sharedArrayBuffer']), {
    ...code,
    moved: true,
    ...shared,
  });
});

await t.test('allow: a host that forbids refuses, and takes from what was deployed before', async (t) => {
  const first = await openTestHost(t);
  await first.deploy('shop', looks, { limits: { cpuMs: 5000 }, allow: ['eval', 'runningClock'] });
  await first.host.close();
  const test = await openTestHost(t, { dir: first.dir, forbid: ['eval'] });
  await t.rejects(test.deploy('other', looks, { allow: ['eval'] }), { code: 'ERR_MANIFEST' });
  await test.deploy('other', looks, { allow: ['runningClock'] });
  t.same(JSON.parse((await test.request('/shop/')).text), { ...none, moved: true });
});

await t.test('allow: it is for isolates only', async (t) => {
  const test = await openTestHost(t);
  const files = { 'handler.py': 'def lambda_handler(event, context):\n    return 1\n' };
  await t.rejects(test.host.deploy({ files }, { name: 'python', manifest: { allow: ['eval'] } }), {
    code: 'ERR_MANIFEST',
  });
});

await t.test('allow: a host option that is no list of known words is refused', async (t) => {
  await t.rejects(openTestHost(t, { forbid: ['evil'] as never }), { code: 'ERR_BAD_INPUT' });
  await t.rejects(openTestHost(t, { forbid: 'eval' as never }), { code: 'ERR_BAD_INPUT' });
});
