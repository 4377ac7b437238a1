import t from 'tap';
import { serveNow } from '#runtime/isolate/services/now.ts';
import { KeyRing } from '#runtime/isolate/services/key-ring.ts';
import { unpack } from '#runtime/isolate/services/packing.ts';
import { subtleCpuMs } from '#runtime/isolate/services/subtle-cost.ts';
import { createPayer } from '#test/support/services.ts';

const MiB = 2 ** 20;
const material = Buffer.from('a secret of 32 bytes, no less ...');
const aes = {
  type: 'secret',
  extractable: false,
  algorithm: { name: 'AES-GCM' },
  usages: ['encrypt'],
  material: material.subarray(0, 32),
} as const;

void t.test('key ring: a sealed key shows nothing of itself, and opens to what it was', async (t) => {
  const ring = new KeyRing();
  const sealed = Buffer.from(ring.seal({ ...aes, usages: [...aes.usages] }));
  t.notOk(sealed.includes('secret'));
  t.notOk(sealed.includes('AES'));
  const { type, extractable, usages, algorithm } = ring.open(sealed);
  t.same(
    [type, extractable, usages, algorithm],
    ['secret', false, ['encrypt'], { name: 'AES-GCM', length: 256 }],
  );
  t.notSame(sealed, ring.seal({ ...aes, usages: [...aes.usages] }), 'never the same twice');
});

void t.test('key ring: what was changed, cut, invented or sealed by another instance does not open', (t) => {
  const ring = new KeyRing();
  const sealed = Buffer.from(ring.seal({ ...aes, usages: [...aes.usages] }));
  ring.open(sealed);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    // Behind nonce and tag an opened key is found by these alone: it is that key, and what follows is not read.
    if (at < 28) t.throws(() => ring.open(changed), { name: 'DataError' });
    t.throws(() => new KeyRing().open(changed), { name: 'DataError' });
  }
  for (const length of [0, 1, 12, 28, sealed.length - 1])
    t.throws(() => new KeyRing().open(sealed.subarray(0, length)), { name: 'DataError' });
  t.throws(() => new KeyRing().open(sealed), { name: 'DataError' });
  t.end();
});

void t.test('key ring: more keys than it keeps open still open', (t) => {
  const ring = new KeyRing();
  const all = Array.from({ length: 200 }, () => ring.seal({ ...aes, usages: [...aes.usages] }));
  for (const sealed of [...all, ...all.toReversed()]) t.equal(ring.open(sealed).type, 'secret');
  t.end();
});

void t.test('packing: parts are inside the bytes of the call, or the call is refused', (t) => {
  const bytes = new Uint8Array([1, 2, 3]);
  const never = (): never => t.fail('a key was opened') as never;
  t.same(unpack({ a: [{ b: [0, 3] }, { b: [3, 0] }], c: 'b' }, bytes, never), {
    a: [bytes, new Uint8Array()],
    c: 'b',
  });
  for (const part of [
    [0, 4],
    [4, 0],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    ['0', 1],
    [0],
    [],
    [null, null],
    [2 ** 53, 1],
  ])
    for (const key of ['b', 'k'])
      t.throws(() => unpack({ [key]: part }, bytes, never), { name: 'DataError' });
  t.end();
});

void t.test('subtle: a runtime that lies gets an error of the standard, never more', async (t) => {
  const payer = createPayer(1e9);
  const ask = async (args: unknown, bytes = new Uint8Array(64)): Promise<string> => {
    const [ok, json] = await serveNow(payer.desk, payer, {
      method: 'subtle',
      args: JSON.stringify(args),
      bytes: bytes.buffer,
    });
    return ok === 1 ? 'ok' : ((JSON.parse(json) as { name: string }).name ?? '');
  };
  const names = [
    'NotSupportedError',
    'TypeError',
    'DataError',
    'OperationError',
    'SyntaxError',
    'InvalidAccessError',
  ];
  const operations = [
    'encrypt',
    'sign',
    'verify',
    'generateKey',
    'deriveKey',
    'deriveBits',
    'importKey',
    'exportKey',
    'wrapKey',
    'unwrapKey',
  ];
  const odd = [
    null,
    0,
    1e300,
    '',
    'raw',
    'jwk',
    [],
    {},
    { b: [0, 64] },
    { k: [0, 64] },
    { name: 'AES-GCM' },
    { name: {} },
    { name: 'HKDF', hash: [] },
  ];
  for (const operation of [...operations, 'digest', 'constructor', '__proto__', null, 7])
    for (const value of odd)
      for (const count of [0, 1, 3, 7]) {
        const told = await ask([operation, ...Array<unknown>(count).fill(value)]);
        if (!names.includes(told))
          t.fail(`${String(operation)} ${JSON.stringify(value)} × ${count}: ${told}`);
      }
  t.equal(await ask(['generateKey', { name: 'AES-GCM', length: 128 }, false, ['encrypt']]), 'ok');
});

void t.test('subtle: costs rise with bytes, bits and rounds', (t) => {
  const key = (algorithm: object): unknown =>
    Object.setPrototypeOf({ algorithm }, CryptoKey.prototype) as unknown;
  const shadow = (algorithm: object): unknown => {
    const made = key(algorithm) as object;
    Object.defineProperty(made, 'algorithm', { value: algorithm });
    return made;
  };
  const hmac = shadow({ name: 'HMAC', hash: { name: 'SHA-256' } });
  const rsa = (modulusLength: number): unknown =>
    shadow({ name: 'RSA-PSS', hash: { name: 'SHA-256' }, modulusLength });
  const rising: readonly (readonly number[])[] = [
    [0, MiB, 2 * MiB].map((bytes) => subtleCpuMs('sign', [{ name: 'HMAC' }, hmac, new Uint8Array(bytes)])),
    [0, MiB, 2 * MiB].map((bytes) =>
      subtleCpuMs('encrypt', [{}, shadow({ name: 'AES-GCM' }), new Uint8Array(bytes)]),
    ),
    [1024, 2048, 4096].map((bits) => subtleCpuMs('sign', [{}, rsa(bits), new Uint8Array()])),
    [1024, 2048, 4096].map((modulusLength) =>
      subtleCpuMs('generateKey', [{ name: 'RSA-PSS', modulusLength }]),
    ),
    ['P-256', 'P-384', 'P-521'].map((namedCurve) =>
      subtleCpuMs('generateKey', [{ name: 'ECDSA', namedCurve }]),
    ),
    [1, 1000, 1_000_000].map((iterations) =>
      subtleCpuMs('deriveBits', [
        { name: 'PBKDF2', hash: { name: 'SHA-256' }, iterations },
        shadow({ name: 'PBKDF2' }),
        256,
      ]),
    ),
    [8, 8000, 80_000].map((bits) =>
      subtleCpuMs('deriveBits', [
        { name: 'PBKDF2', hash: { name: 'SHA-1' }, iterations: 9 },
        shadow({ name: 'PBKDF2' }),
        bits,
      ]),
    ),
  ];
  for (const [least = 0, more = 0, most = 0] of rising) {
    t.ok(least > 0);
    t.ok(more > least);
    t.ok(most > more);
  }
  t.end();
});
