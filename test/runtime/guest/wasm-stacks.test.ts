import t from 'tap';
import { evaluate } from '#test/support/guest-harness.ts';
import { asSource } from '#test/support/wasm-builder.ts';
import { suspending, suspendingPrelude } from '#test/support/wasm-suspending.ts';

const run = (body: string): Promise<unknown> =>
  evaluate(
    `(async () => { ${suspendingPrelude(`new WebAssembly.Module(${asSource(suspending)})`)} ${body} })()`,
  );

await t.test('WebAssembly: a function that waits is a promise, and goes on where it was', async (t) => {
  const value = await run(`
    const promises = [wasm.twice(1), wasm.deep(5000, 1), wasm.twice(10)];
    const seen = [promises[0] instanceof Promise, waiting.length];
    go(1);
    await turn();
    seen.push(waiting.length);
    go();
    await turn();
    go();
    return [...seen, ...(await Promise.all(promises))]`);
  t.same(value, [true, 3, 3, 3, 5002, 12]);
});

await t.test('WebAssembly: promising and Suspending refuse and fail as the proposal says', async (t) => {
  const value = await run(`
    const tried = (run) => { try { return run() } catch (error) { return error.name } };
    const rejected = outcome(wasm.twice(1));
    waiting.pop().reject(new RangeError('no'));
    const trapped = outcome(wasm.trap(1)), endless = outcome(wasm.recurse(1));
    call = () => { throw new EvalError('thrown') };
    const thrown = outcome(wasm.call(1));
    go();
    return [tried(() => WebAssembly.promising({})), tried(() => WebAssembly.promising(() => 1)), tried(() => WebAssembly.promising(wasm.twice)),
      tried(() => new WebAssembly.Suspending({})), tried(() => WebAssembly.Suspending(() => 1)), tried(() => plain.twice(1)),
      wasm.deep.length, wasm.deep.name === plain.deep.name, tried(() => new wasm.deep()), Object.prototype.toString.call(wait),
      await rejected, await trapped, await endless, await thrown]`);
  t.same(value, [
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'SuspendError',
    2,
    true,
    'TypeError',
    '[object WebAssembly.Suspending]',
    'RangeError: no',
    'RuntimeError: unreachable',
    'RangeError: Maximum call stack size exceeded',
    'EvalError: thrown',
  ]);
});

await t.test('WebAssembly: JavaScript that a function calls recurses as far as elsewhere', async (t) => {
  const value = await run(`
    let depth = 0;
    const endless = () => { depth++; return 1 + endless() };
    const measure = () => { depth = 0; try { endless() } catch { return depth } };
    call = measure;
    const within = wasm.call(1);
    go();
    const [inside, outside] = [await within, measure()];
    return [inside > 1000, Math.abs(inside - outside) < outside / 10]`);
  t.same(value, [true, true]);
});

await t.test('WebAssembly: 100 computations have a stack at once, and not one more', async (t) => {
  const value = await run(`
    const start = () => { try { return outcome(wasm.deep(10, 1)) } catch (error) { return error.name } };
    const promises = Array.from({ length: 100 }, start);
    const seen = [start(), waiting.length];
    go(2);
    await turn();
    await Promise.all(promises.slice(0, 2));
    seen.push(typeof start(), typeof start(), start());
    waiting.pop().reject(new Error('ends as well'));
    await turn();
    await turn();
    seen.push(typeof start(), start());
    return seen`);
  t.same(value, ['RangeError', 100, 'object', 'object', 'RangeError', 'object', 'RangeError']);
});

await t.test('WebAssembly: stacks count against the memory limit, while they are needed', async (t) => {
  const value = await run(`
    const start = () => { try { return typeof wasm.deep(10, 1) } catch (error) { return error.name } };
    const room = (mb) => { try { return new ArrayBuffer(mb * 2 ** 20).byteLength / 2 ** 20 } catch (error) { return error.name } };
    let kept = new ArrayBuffer(112 * 2 ** 20);
    let count = 0;
    while (count < 100 && start() === 'object') count++;
    const seen = [count > 30 && count <= 72, room(8)];
    go();
    await turn();
    await turn();
    seen.push(room(8), start());
    kept = undefined;
    return seen`);
  t.same(value, [true, 'RangeError', 8, 'object']);
});

await t.test('WebAssembly: stacks that nobody resumes stay counted', async (t) => {
  const value = await run(`
    const start = () => { try { return typeof wasm.deep(10, 1) } catch (error) { return error.name } };
    for (let round = 0; round < 10; round++) {
      for (let each = 0; each < 10; each++) start();
      waiting.length = 0;
      try { new ArrayBuffer(2 ** 33) } catch {}
    }
    return start()`);
  t.equal(value, 'RangeError');
});

await t.test(
  'WebAssembly: a guest that replaces what promises are made of has no stack for free',
  async (t) => {
    for (const replace of [
      `Promise.prototype.then = function (a, b) { a?.(); return this }`,
      `Object.defineProperty(Promise.prototype, 'constructor', { get() { throw new Error('mine') } })`,
      `Promise.prototype.constructor = { [Symbol.species]: function (run) { run(() => {}, () => {}); } }`,
      `Object.defineProperty(Promise, Symbol.species, { value: function (run) { run((f) => f?.(), () => {}); } })`,
      `Function.prototype.call = Function.prototype.apply = Reflect.apply = () => Promise.resolve(); Object.defineProperty(Array.prototype, 0, { set() {} })`,
    ]) {
      const value = await run(`
      let started = 0, refused = 0;
      ${replace};
      for (let count = 0; count < 300; count++) {
        const before = waiting.length;
        try { wasm.deep(1, 1) } catch {}
        if (waiting.length > before) started++; else refused++;
      }
      return [started, refused]`).catch(() => undefined);
      if (value !== undefined) t.same(value, [100, 200], replace);
    }
  },
);
