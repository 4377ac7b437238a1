import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('events: order, once, duplicates, removal, handleEvent and this', async (t) => {
  const program = `const target = new EventTarget(); const seen = []; const twice = () => seen.push('twice'); const gone = () => seen.push('gone');
    target.addEventListener('x', function (e) { seen.push(this === target, e.target === target, e.eventPhase, e.isTrusted) });
    target.addEventListener('x', () => seen.push('once'), { once: true });
    target.addEventListener('x', twice); target.addEventListener('x', twice);
    target.addEventListener('x', { handleEvent: () => seen.push('object') });
    target.addEventListener('x', () => seen.push('capture'), true);
    target.addEventListener('x', gone); target.removeEventListener('x', gone); target.addEventListener('x', null);
    target.dispatchEvent(new Event('x')); seen.push('|'); target.dispatchEvent(new CustomEvent('x', { detail: 1 })); return seen`;
  const both = ['capture', true, true, 2, false];
  t.strictSame(await guest.run(program), [
    ...both,
    'once',
    'twice',
    'object',
    '|',
    ...both,
    'twice',
    'object',
  ]);
});

void t.test('events: a throwing listener is reported and the others run', async (t) => {
  const program = `const target = new EventTarget(); let ran = 0;
    target.addEventListener('x', () => { throw new RangeError('a') }); target.addEventListener('x', () => ran++);
    const result = target.dispatchEvent(new Event('x')); return [result, ran, reported.splice(0).map((e) => e.name)]`;
  t.strictSame(await guest.run(program), [true, 1, ['RangeError']]);
});

void t.test('events: preventDefault, passive, stopImmediatePropagation and re-dispatch', async (t) => {
  const program = `const target = new EventTarget(); const out = [];
    target.addEventListener('a', (e) => e.preventDefault()); target.addEventListener('b', (e) => e.preventDefault(), { passive: true });
    out.push(target.dispatchEvent(new Event('a', { cancelable: true })), target.dispatchEvent(new Event('a')), target.dispatchEvent(new Event('b', { cancelable: true })));
    target.addEventListener('c', (e) => e.stopImmediatePropagation()); target.addEventListener('c', () => out.push('not reached')); target.dispatchEvent(new Event('c'));
    target.addEventListener('d', (e) => { try { target.dispatchEvent(e) } catch (error) { out.push(error.name) } }); target.dispatchEvent(new Event('d'));
    try { target.dispatchEvent({ type: 'a' }) } catch (error) { out.push(error.name) }
    return out`;
  t.strictSame(await guest.run(program), [false, true, true, 'InvalidStateError', 'TypeError']);
});

void t.test('events: listeners go with their signal; fields of the other events', async (t) => {
  const program = `const target = new EventTarget(); const c = new AbortController(); let ran = 0;
    target.addEventListener('x', () => ran++, { signal: c.signal }); target.dispatchEvent(new Event('x')); c.abort(); target.dispatchEvent(new Event('x'));
    target.addEventListener('x', () => ran++, { signal: AbortSignal.abort() }); target.dispatchEvent(new Event('x'));
    const e = new ErrorEvent('error', { message: 'm', filename: 'f', lineno: 3, colno: 4, error: 5 }); const p = Promise.resolve();
    const r = new PromiseRejectionEvent('r', { promise: p, reason: 6 }); const plain = new Event('t', { bubbles: true });
    return [ran, e.message, e.filename, e.lineno, e.colno, e.error, r.promise === p, r.reason, new CustomEvent('c').detail, plain.bubbles, plain.timeStamp, Event.AT_TARGET]`;
  t.strictSame(await guest.run(program), [1, 'm', 'f', 3, 4, 5, true, 6, null, true, 4000, 2]);
});

void t.test('abort: reason, listeners, onabort, once only', async (t) => {
  const program = `const c = new AbortController(); const seen = [];
    c.signal.onabort = function (e) { seen.push('on', this === c.signal, e.type, e.isTrusted) }; c.signal.addEventListener('abort', () => seen.push('listener'));
    c.abort('why'); c.abort('again'); const d = new AbortController(); d.abort();
    let thrown; try { c.signal.throwIfAborted() } catch (e) { thrown = e }
    return [seen, c.signal.aborted, c.signal.reason, thrown, d.signal.reason.name, d.signal.reason instanceof DOMException, AbortSignal.abort(1).reason]`;
  t.strictSame(await guest.run(program), [
    ['on', true, 'abort', true, 'listener'],
    true,
    'why',
    'why',
    'AbortError',
    true,
    1,
  ]);
});

void t.test('abort: timeout and any', async (t) => {
  await guest.run(`globalThis.soon = AbortSignal.timeout(5); globalThis.source = new AbortController();
    globalThis.both = AbortSignal.any([soon, source.signal]); globalThis.nested = AbortSignal.any([both]); globalThis.told = [];
    both.addEventListener('abort', () => told.push('both')); nested.addEventListener('abort', () => told.push('nested')); soon.addEventListener('abort', () => told.push('soon'))`);
  t.equal(await guest.run('return soon.aborted'), false);
  t.equal(await guest.runTimers(), 1);
  const program = `source.abort(); const already = AbortSignal.any([AbortSignal.abort('first'), soon]);
    return [soon.reason.name, both.reason === soon.reason, nested.aborted, told, already.reason, AbortSignal.any([]).aborted]`;
  t.strictSame(await guest.run(program), [
    'TimeoutError',
    true,
    true,
    ['soon', 'both', 'nested'],
    'first',
    false,
  ]);
});

void t.test('abort: signals cannot be made by hand, and refuse nonsense', async (t) => {
  const program = `return [() => new AbortSignal(), () => AbortSignal.any([{}]), () => AbortSignal.timeout(-1), () => AbortSignal.timeout('x'),
    () => new EventTarget().addEventListener('x', () => {}, { signal: {} }), () => new Event(), () => Event('x')]
    .map((run) => { try { run(); return 'ran' } catch (e) { return e.name } })`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 7 }, () => 'TypeError'),
  );
});

void t.test('abort: the bootstrap sees and does the same without guest-visible properties', async (t) => {
  const program = `const s = web.createAbortSignal(); const seen = []; Object.defineProperty(s, 'aborted', { value: true });
    const stop = web.onAbort(s, () => seen.push('stopped')); stop(); web.onAbort(s, (reason) => seen.push(reason));
    const before = web.isAborted(s); web.abortSignal(s, 'r'); web.abortSignal(s, 'r2'); web.onAbort(s, (reason) => seen.push('late ' + reason));
    return [before, web.isAborted(s), web.abortReason(s), seen, s instanceof AbortSignal]`;
  t.strictSame(await guest.run(program), [false, true, 'r', ['r', 'late r'], true]);
});

void t.test('DOMException: an Error with name, message, code and a stack that shows both', async (t) => {
  const program = `const e = new DOMException('m', 'NotFoundError'); const plain = new DOMException(); const caused = new DOMException('m', { name: 'X', cause: 1 });
    return [e instanceof Error, e.name, e.message, e.code, String(e), e.stack.split('\\n')[0], plain.name, plain.message, plain.code, caused.name, caused.cause,
      Object.keys(e), Object.hasOwn(e, 'message'), DOMException.ABORT_ERR, e.ABORT_ERR, web.createDomException('a', 'AbortError').code]`;
  t.strictSame(await guest.run(program), [
    true,
    'NotFoundError',
    'm',
    8,
    'NotFoundError: m',
    'NotFoundError: m',
    'Error',
    '',
    0,
    'X',
    1,
    [],
    false,
    20,
    20,
    20,
  ]);
});
