import { readFile } from 'node:fs/promises';
import t from 'tap';
import { openEngineGuest } from '#test/support/engine-guest.ts';

/** What an expression gives in a guest, as JSON; `hex`, `bytes` and `error` are in scope. */
async function evaluate(expression: string): Promise<unknown> {
  const guest = await openEngineGuest(`
    const hex = (bytes) => new Uint8Array(bytes).toHex();
    const bytes = (text) => Uint8Array.fromHex(text);
    const error = async (run) => { try { await run(); return 'none' } catch (e) { return e.name } };
    const { subtle } = crypto;
    export default { async fetch() { return Response.json({ value: await (${expression}) }) } }`);
  const { body, logs } = await guest.request('');
  guest.close();
  if (body === '') throw new Error(`no answer: ${JSON.stringify(logs)}`);
  return (JSON.parse(body) as { value: unknown }).value;
}

void t.test('vectors: each algorithm gives what its specification says', async (t) => {
  const key = (data: string, algorithm: string, usage: string): string =>
    `await subtle.importKey('raw', bytes('${data}'), ${algorithm}, false, ['${usage}'])`;
  const vectors: readonly (readonly [string, string, string])[] = [
    [
      'SHA-256 of abc (FIPS 180-4)',
      `subtle.digest('SHA-256', bytes('616263'))`,
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    ],
    [
      'HMAC (RFC 4231, 2)',
      `subtle.sign('HMAC', ${key('4a656665', `{ name: 'HMAC', hash: 'SHA-256' }`, 'sign')}, new TextEncoder().encode('what do ya want for nothing?'))`,
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      'PBKDF2 (RFC 6070, 2)',
      `subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-1', salt: bytes('73616c74'), iterations: 2 }, ${key('70617373776f7264', `'PBKDF2'`, 'deriveBits')}, 160)`,
      'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957',
    ],
    [
      'HKDF (RFC 5869, 1)',
      `subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: bytes('000102030405060708090a0b0c'), info: bytes('f0f1f2f3f4f5f6f7f8f9') }, ${key('0b'.repeat(22), `'HKDF'`, 'deriveBits')}, 336)`,
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    ],
    [
      'AES-GCM (McGrew and Viega, 2)',
      `subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, ${key('00'.repeat(16), `'AES-GCM'`, 'encrypt')}, new Uint8Array(16))`,
      '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf',
    ],
    [
      'AES-KW (RFC 3394, 4.1)',
      `subtle.wrapKey('raw', await subtle.importKey('raw', bytes('00112233445566778899aabbccddeeff'), 'AES-GCM', true, ['encrypt']), ${key('000102030405060708090a0b0c0d0e0f', `'AES-KW'`, 'wrapKey')}, 'AES-KW')`,
      '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5',
    ],
    [
      'Ed25519 (RFC 8032, 7.1, 1)',
      `subtle.sign('Ed25519', await subtle.importKey('jwk', { kty: 'OKP', crv: 'Ed25519', d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }, 'Ed25519', false, ['sign']), new Uint8Array())`,
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      'X25519 (RFC 7748, 6.1)',
      `subtle.deriveBits({ name: 'X25519', public: await subtle.importKey('raw', bytes('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'), 'X25519', false, []) },
        await subtle.importKey('pkcs8', bytes('302e020100300506032b656e042204205dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'), 'X25519', false, ['deriveBits']), 256)`,
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    ],
  ];
  for (const [name, expression, expected] of vectors)
    t.equal(await evaluate(`hex(await ${expression})`), expected, name);
});

void t.test('CryptoKey: structuredClone gives a key that does the same', async (t) => {
  const [same, type, verified, refused] = (await evaluate(`(async () => {
    const key = await subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
    const { copy } = structuredClone({ copy: key });
    const signature = await subtle.sign('HMAC', key, bytes('00'));
    return [copy === key, copy instanceof CryptoKey && copy.type, await subtle.verify('HMAC', copy, signature, bytes('00')),
      await error(() => subtle.exportKey('raw', copy))];
  })()`)) as unknown[];
  t.same([same, type, verified, refused], [false, 'secret', true, 'InvalidAccessError']);
});

void t.test('CryptoKey: what a guest makes of algorithm and usages changes nothing', async (t) => {
  const told = await evaluate(`(async () => {
    const key = await subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['encrypt']);
    key.algorithm.name = 'AES-CBC';
    key.usages.push('decrypt');
    Object.defineProperty(key, 'extractable', { value: true });
    Object.setPrototypeOf(key, { type: 'public', extractable: true });
    const iv = new Uint8Array(16);
    return [await error(() => subtle.encrypt({ name: 'AES-GCM', iv }, key, iv)), await error(() => subtle.encrypt({ name: 'AES-CBC', iv }, key, iv)),
      await error(() => subtle.decrypt({ name: 'AES-GCM', iv }, key, iv)), await error(() => subtle.exportKey('raw', key))];
  })()`);
  t.same(told, ['none', 'InvalidAccessError', 'InvalidAccessError', 'InvalidAccessError']);
});

void t.test(
  'subtle: the bytes are those of the call, whatever happens to the buffers after it',
  async (t) => {
    const [signed, detached] = (await evaluate(`(async () => {
    const key = await subtle.importKey('raw', new Uint8Array(8), { name: 'HMAC', hash: 'SHA-1' }, false, ['sign']);
    const data = new Uint8Array(100);
    const before = subtle.sign('HMAC', key, data);
    data.fill(1);
    const after = subtle.sign('HMAC', key, data);
    data.buffer.transfer();
    return [[hex(await before), hex(await after), hex(await subtle.sign('HMAC', key, new Uint8Array(100)))],
      [hex(await subtle.digest('SHA-1', data)), hex(await subtle.digest('SHA-1', new Uint8Array()))]];
  })()`)) as string[][];
    t.equal(signed?.[0], signed?.[2]);
    t.not(signed?.[1], signed?.[2]);
    t.equal(detached?.[0], detached?.[1]);
  },
);

void t.test(
  'subtle: conversions run in the order of the standard, and names are told apart by ASCII',
  async (t) => {
    const told = await evaluate(`(async () => {
    const seen = [];
    const watched = (name, members) => new Proxy(members, { get: (target, key) => { seen.push(name + '.' + String(key)); return target[key] } });
    const key = await subtle.importKey('raw', new Uint8Array(8), 'HKDF', false, ['deriveBits']);
    await subtle.deriveBits(watched('a', { name: 'hkdf', salt: new Uint8Array(), info: new Uint8Array(), hash: watched('h', { name: 'sha-256' }) }), key, 8);
    return [seen.join(' '), await error(() => subtle.digest('\u017fha-1', new Uint8Array()))];
  })()`);
    t.same(told, ['a.name a.hash h.name a.info a.salt', 'NotSupportedError']);
  },
);

void t.test('Crypto: random values fill any integer view, 65 536 bytes at once and no more', async (t) => {
  const told = await evaluate(`(async () => {
    const view = new Uint16Array(32_768);
    return [crypto.getRandomValues(view) === view, view.some((item) => item !== 0),
      await error(() => crypto.getRandomValues(new Uint8Array(65_537))), await error(() => crypto.getRandomValues(new Float32Array(1))),
      await error(() => crypto.getRandomValues(new DataView(new ArrayBuffer(1)))), await error(() => crypto.getRandomValues([1])), await error(() => crypto.getRandomValues()),
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), await error(() => new Crypto()), await error(() => Crypto.prototype.randomUUID.call({})),
      await error(() => crypto.subtle.constructor.prototype.digest.call({}, 'SHA-1', view)), crypto.subtle === crypto.subtle, [Crypto.name, CryptoKey.name, SubtleCrypto.name].join()];
  })()`);
  const [quota, mismatch] = ['QuotaExceededError', 'TypeMismatchError'];
  t.same(told, [
    true,
    true,
    quota,
    mismatch,
    mismatch,
    'TypeError',
    'TypeError',
    true,
    'TypeError',
    'TypeError',
    'TypeError',
    true,
    'Crypto,CryptoKey,SubtleCrypto',
  ]);
});

void t.test('subtle: work beyond the budget is not begun, and the invocation ends for it', async (t) => {
  const flood = await openEngineGuest(
    `export default { async fetch() {
      const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
      for (;;) await crypto.subtle.sign('HMAC', key, new Uint8Array(1000));
    } }`,
    50,
  );
  t.equal((await flood.request('')).end.cause, 'cpuMs');
  flood.close();
  const slow = await openEngineGuest(
    `export default { async fetch() {
      const algorithm = { name: 'RSA-PSS', modulusLength: 16_384, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
      await crypto.subtle.generateKey(algorithm, false, ['sign']);
    } }`,
    1000,
  );
  const { end } = await slow.request('');
  t.equal(end.cause, 'cpuMs');
  t.ok(end.cpuMs > 10_000, 'it counts as what it would have taken');
  slow.close();
});

void t.test('subtle: lengths that nobody could hold are refused', async (t) => {
  const told = await evaluate(`(async () => {
    const key = await subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
    return [await error(() => subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(), iterations: 1 }, key, 2 ** 32 - 8)),
      await error(() => subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 2 ** 32 - 8 }, false, ['sign']))];
  })()`);
  t.same(told, ['OperationError', 'OperationError']);
});

void t.test('keys: no patched prototype shows the runtime’s bytes to a guest', async (t) => {
  const source = await readFile(new URL('../../../guests/steals-keys.js', import.meta.url), 'utf8');
  const guest = await openEngineGuest(source);
  const { body } = await guest.request('');
  guest.close();
  const told = JSON.parse(body) as { seen: number; done: string; found: string[] };
  t.ok(told.seen > 0, 'hooks were met');
  t.equal(told.done, 'secret message');
  t.same(told.found, []);
});
