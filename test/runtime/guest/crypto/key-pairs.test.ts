import { webcrypto } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';
import { bytes, curve, hash, hex, openOracle, runs, step, usages } from '#test/support/crypto-oracle.ts';

const { agree, close } = await openOracle();
t.teardown(close);

void t.test('subtle: keys of curves go between a guest and Node in every form', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('ECDSA', 'ECDH', 'Ed25519', 'X25519', 'Ed448', 'X448'),
      curve,
      fc.tuple(usages, usages, bytes),
      fc.boolean(),
      async (name, namedCurve, [publicUsages, privateUsages, data], extractable) => {
        const algorithm = { name, namedCurve };
        const agreement = name === 'ECDH' || name.startsWith('X');
        const made = await webcrypto.subtle
          .generateKey(algorithm as never, true, agreement ? ['deriveBits'] : ['sign', 'verify'])
          .catch(() => undefined);
        if (made === undefined) return agree(t, [step('generateKey', algorithm, true, publicUsages)]);
        const exported = async (
          format: 'jwk' | 'raw' | 'spki' | 'pkcs8',
          key: webcrypto.CryptoKey,
        ): Promise<unknown> => {
          const form: unknown = await webcrypto.subtle.exportKey(format as 'raw', key);
          return form instanceof ArrayBuffer ? hex(new Uint8Array(form)) : form;
        };
        const { publicKey, privateKey } = made;
        const using = { name, hash: 'SHA-256', context: undefined };
        await agree(
          t,
          [
            step('importKey', 'raw', await exported('raw', publicKey), algorithm, extractable, publicUsages),
            step(
              'importKey',
              'spki',
              await exported('spki', publicKey),
              algorithm,
              extractable,
              agreement ? [] : ['verify'],
            ),
            step('importKey', 'jwk', await exported('jwk', publicKey), algorithm, extractable, publicUsages),
            step(
              'importKey',
              'pkcs8',
              await exported('pkcs8', privateKey),
              algorithm,
              extractable,
              agreement ? ['deriveBits', 'deriveKey'] : ['sign'],
            ),
            step(
              'importKey',
              'jwk',
              await exported('jwk', privateKey),
              algorithm,
              extractable,
              privateUsages,
            ),
            step('exportKey', 'pkcs8', { result: 3 }),
            step('exportKey', 'jwk', { result: 4 }),
            step('exportKey', 'raw', { result: 0 }),
            step('deriveBits', { name, public: { result: 1 } }, { result: 3 }, null),
            step('deriveKey', { name, public: { result: 1 } }, { result: 3 }, 'HKDF', false, ['deriveBits']),
            step('deriveBits', { name: 'HKDF', hash: 'SHA-1', salt: data, info: data }, { result: 9 }, 64),
            step('deriveBits', { name, public: { result: 3 } }, { result: 3 }, null),
            step('sign', using, { result: 3 }, data),
            step('verify', using, { result: 1 }, { result: 12 }, data),
          ],
          name === 'ECDSA' ? [12] : [],
        );
      },
    ),
    runs,
  );
});

void t.test('subtle: RSA is Node’s', async (t) => {
  for (const name of ['RSA-OAEP', 'RSA-PSS', 'RSASSA-PKCS1-v1_5']) {
    const algorithm = {
      name,
      hash: 'SHA-256',
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
    };
    const pair = await webcrypto.subtle.generateKey(
      algorithm,
      true,
      name === 'RSA-OAEP' ? ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] : ['sign', 'verify'],
    );
    const jwk = await webcrypto.subtle.exportKey('jwk', pair.privateKey);
    const publicJwk = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
    await fc.assert(
      fc.asyncProperty(
        hash,
        usages,
        fc.tuple(bytes, fc.constantFrom(0, 20, 500)),
        fc.boolean(),
        (hash, usages, [data, saltLength], extractable) =>
          agree(
            t,
            [
              step('importKey', 'jwk', jwk, { name, hash }, extractable, usages),
              step(
                'importKey',
                'jwk',
                { ...jwk, key_ops: undefined, alg: undefined },
                { name, hash },
                extractable,
                name === 'RSA-OAEP' ? ['decrypt', 'unwrapKey'] : ['sign'],
              ),
              step(
                'importKey',
                'jwk',
                { ...publicJwk, key_ops: undefined, alg: undefined },
                { name, hash },
                extractable,
                name === 'RSA-OAEP' ? ['encrypt', 'wrapKey'] : ['verify'],
              ),
              step('exportKey', 'spki', { result: 2 }),
              step('exportKey', 'pkcs8', { result: 1 }),
              step('encrypt', { name, label: data }, { result: 2 }, data),
              step('decrypt', { name, label: data }, { result: 1 }, { result: 5 }),
              step('decrypt', { name }, { result: 1 }, data),
              step('sign', { name, saltLength }, { result: 1 }, data),
              step('verify', { name, saltLength }, { result: 2 }, { result: 8 }, data),
              step('generateKey', { ...algorithm, publicExponent: { hex: '02' } }, extractable, usages),
              step(
                'generateKey',
                { ...algorithm, modulusLength: 'x', publicExponent: { hex: '03' } },
                extractable,
                usages,
              ),
            ],
            name === 'RSASSA-PKCS1-v1_5' ? [] : [5, 8],
          ),
      ),
      { numRuns: 10 },
    );
  }
});

void t.test('subtle: what is no argument is refused as by Node', async (t) => {
  const key = step('importKey', 'raw', { hex: '00'.repeat(16) }, 'AES-GCM', true, ['encrypt']);
  const odd = fc.constantFrom<unknown>(
    null,
    1,
    '',
    'AES-GCM',
    {},
    [],
    { hex: '00' },
    { name: 'AES-GCM' },
    { result: 0 },
    true,
    ['encrypt'],
    'raw',
    'jwk',
  );
  const operation = fc.constantFrom(
    'encrypt',
    'sign',
    'verify',
    'digest',
    'generateKey',
    'deriveKey',
    'importKey',
    'exportKey',
    'wrapKey',
    'unwrapKey',
  );
  await fc.assert(
    fc.asyncProperty(operation, fc.array(odd, { maxLength: 8 }), (name, args) =>
      agree(t, [key, step(name, ...args)]),
    ),
    { numRuns: 400 },
  );
});
