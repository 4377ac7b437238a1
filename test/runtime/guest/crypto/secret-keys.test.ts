import * as fc from 'fast-check';
import t from 'tap';
import {
  anyHash,
  bytes,
  bytesOf,
  hash,
  openOracle,
  runs,
  step,
  usages,
} from '#test/support/crypto-oracle.ts';

const { agree, close } = await openOracle();
t.teardown(close);

void t.test('subtle: digests are Node’s', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyHash, bytes, (name, data) =>
      agree(t, [
        step('digest', name, data),
        step('importKey', 'raw', data, { name: 'HMAC', hash: name }, true, ['sign']),
        step('importKey', 'raw', data, 'HKDF', false, ['deriveBits']),
        step('deriveBits', { name: 'HKDF', hash: name, salt: data, info: data }, { result: 2 }, 128),
      ]),
    ),
    runs,
  );
});

void t.test('subtle: secret keys are imported, used and exported as by Node', async (t) => {
  const aes = fc.constantFrom('AES-GCM', 'AES-CBC', 'aes-ctr', 'AES-KW');
  const length = fc.constantFrom(15, 16, 24, 32, 33);
  await fc.assert(
    fc.asyncProperty(
      aes,
      length.chain(bytesOf),
      fc.record({
        usages,
        extractable: fc.boolean(),
        iv: fc.constantFrom(12, 16).chain(bytesOf),
        data: bytes,
      }),
      fc.record({
        tagLength: fc.constantFrom(undefined, 32, 128, 33, 300),
        additionalData: bytes,
        length: fc.constantFrom(64, 0, 129),
      }),
      (name, key, { usages, extractable, iv, data }, more) => {
        const algorithm = { name, iv, counter: iv, ...more };
        const imported = { result: 0 };
        return agree(t, [
          step('importKey', 'raw', key, name, extractable, usages),
          step('encrypt', algorithm, imported, data),
          step('decrypt', algorithm, imported, { result: 1 }),
          step('exportKey', 'raw', imported),
          step('exportKey', 'jwk', imported),
          step('importKey', 'jwk', { result: 4 }, name, false, usages),
          step('wrapKey', 'raw', imported, imported, algorithm),
          step('unwrapKey', 'raw', { result: 6 }, imported, algorithm, 'HKDF', false, ['deriveBits']),
          step('deriveBits', { name: 'HKDF', hash: 'SHA-256', salt: iv, info: data }, { result: 7 }, 256),
          step('unwrapKey', 'raw', { result: 6 }, imported, algorithm, { name: 'AES-GCM' }, false, [
            'encrypt',
          ]),
          step('encrypt', { name: 'AES-GCM', iv }, { result: 9 }, data),
        ]);
      },
    ),
    runs,
  );
});

void t.test('subtle: HMAC is Node’s', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      hash,
      bytes,
      fc.tuple(bytes, usages, fc.boolean(), fc.constantFrom(undefined, 0, 7, 8, 100)),
      (name, key, more) => {
        const [data, usages, extractable, length] = more;
        return agree(t, [
          step('importKey', 'raw', key, { name: 'HMAC', hash: name, length }, extractable, usages),
          step('sign', 'HMAC', { result: 0 }, data),
          step('verify', 'HMAC', { result: 0 }, { result: 1 }, data),
          step('verify', 'HMAC', { result: 0 }, data, data),
          step('exportKey', 'jwk', { result: 0 }),
          step('exportKey', 'pkcs8', { result: 0 }),
        ]);
      },
    ),
    runs,
  );
});

void t.test('subtle: bits and keys are derived as by Node', async (t) => {
  const bits = fc.constantFrom(null, 0, 8, 128, 256, 255, 1024);
  const target = fc.constantFrom(
    { name: 'AES-GCM', length: 128 },
    { name: 'AES-CBC', length: 100 },
    { name: 'HMAC', hash: 'SHA-256' },
    { name: 'HMAC', hash: 'SHA-1', length: 9 },
    { name: 'HKDF' },
    { name: 'ECDSA', namedCurve: 'P-256' },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('HKDF', 'PBKDF2'),
      fc.tuple(bytes, bytes, bytes),
      fc.tuple(hash, bits, target, usages),
      fc.boolean(),
      (name, [key, salt, info], [hash, length, derived, usages], extractable) => {
        const algorithm = { name, hash, salt, info, iterations: length === 8 ? 0 : 3 };
        const valid = { ...algorithm, iterations: 3 };
        return agree(t, [
          step('importKey', 'raw', key, name, extractable, usages),
          step('importKey', 'raw', key, name, false, ['deriveBits', 'deriveKey']),
          step('deriveBits', algorithm, { result: 0 }, length),
          step('deriveBits', algorithm, { result: 1 }, length),
          step('deriveKey', valid, { result: 1 }, derived, extractable, usages),
          step('exportKey', 'raw', { result: 4 }),
          step('sign', 'HMAC', { result: 4 }, info),
        ]);
      },
    ),
    runs,
  );
});
