// Everything here must say in Node what it says in a function.
import assert, { AssertionError, doesNotMatch, match } from 'node:assert';
import strict, { equal, match as strictMatch } from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import util, { callbackify, inherits, inspect, isDeepStrictEqual, promisify, types } from 'node:util';

const failure = (act) => {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return [error.name, error.code];
  }
};

export async function run() {
  const later = promisify((value, done) => setTimeout(() => done(null, value * 2), 1));
  const back = await new Promise((resolve) => {
    callbackify(async (value) => value + 1)(1, (error, value) => resolve([error, value]));
  });
  function Old() {}
  inherits(Old, Map);
  return {
    formats: [
      util.format('%s is %d of %i and %j, %%', 'a', 1.5, 2.7, { b: 1 }),
      util.format('no more', 'arguments', 1),
      util.format('%s'),
    ],
    inspected: [
      inspect({ a: [1, { b: 2 }], c: 'text' }),
      inspect(new Map([[1, { a: 2 }]])),
      inspect(new Set(['x'])),
      inspect([undefined, null, 1n, Symbol('s'), true]),
      inspect('text'),
      inspect({ [inspect.custom]: () => 'own' }),
      inspect({ a: { b: { c: { d: 1 } } } }),
    ],
    later: await later(21),
    back,
    inherited: new Old() instanceof Map,
    equal: [
      isDeepStrictEqual({ a: [1, new Map([[1, new Set([2])]])] }, { a: [1, new Map([[1, new Set([2])]])] }),
      isDeepStrictEqual([1], ['1']),
    ],
    types: [
      types.isPromise(later(1)),
      types.isDate(new Date(0)),
      types.isRegExp(/a/),
      types.isMap(new Map()),
      types.isFloat16Array(new Float16Array(1)),
      types.isFloat16Array(new Float32Array(1)),
      types.isKeyObject(createSecretKey(Buffer.from('k'))),
      types.isKeyObject({}),
      types.isCryptoKey(await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])),
      types.isCryptoKey({}),
    ],
    plain: util.stripVTControlCharacters('\u001b[31mred\u001b[39m'),
    asserts: [
      failure(() => assert.equal(1, 1)),
      failure(() => assert.equal(1, 2)),
      failure(() => assert(false)),
      failure(() => assert.deepEqual({ a: 1 }, { a: '1' })),
      failure(() => strict.deepEqual({ a: 1 }, { a: '1' })),
      failure(() => assert.throws(() => undefined)),
      failure(() => assert.throws(() => JSON.parse('{'), SyntaxError)),
      failure(() => assert.match('abc', /b/)),
      failure(() => match('abc', /x/)),
      failure(() => doesNotMatch('abc', /b/)),
      failure(() => doesNotMatch('abc', /x/)),
      failure(() => strictMatch('abc', /x/)),
      failure(() => equal(1, '1')),
      failure(() => assert.fail('said')),
      [AssertionError === assert.AssertionError, assert.strict === strict],
    ],
    rejects: await assert.rejects(Promise.reject(new TypeError('x')), TypeError),
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
