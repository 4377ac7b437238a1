// Everything here must say in Node what it says in a function.
import crypto, { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const text = 'The quick brown fox jumps over the lazy dog';
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const attempt = (run) => {
  try {
    return run();
  } catch (error) {
    return [error.name, error.code];
  }
};

function hashes() {
  const large = Buffer.alloc(3 * 2 ** 20, 7);
  const parts = createHash('sha256');
  for (let from = 0; from < large.length; from += 2 ** 19) parts.update(large.subarray(from, from + 2 ** 19));
  const copied = parts.copy();
  parts.update('more');
  return [
    ['md5', 'sha1', 'sha256', 'SHA512', 'sha3-256', 'ripemd160'].map((name) =>
      createHash(name)
        .update(text)
        .update(Buffer.from([1, 2]))
        .digest('hex'),
    ),
    createHash('shake256', { outputLength: 40 }).update(text).digest('base64url'),
    createHash('sha256').update('ff', 'hex').digest('base64'),
    [parts.digest('hex'), copied.digest('hex'), createHash('sha256').update(large).digest('hex')],
    ['sha1', 'sha384'].map((name) => createHmac(name, 'key').update(text).digest('hex')),
    createHmac('sha256', Buffer.alloc(200, 1)).update(large).digest('hex'),
    createHmac('sha256', crypto.createSecretKey('key', 'utf8')).update('').digest('hex'),
    [crypto.hash('sha1', text), crypto.hash('sha256', text, 'base64')],
    attempt(() => createHash('none')),
    attempt(() => createHmac('none', 'key')),
    attempt(() => createHash('sha1').update(1)),
    attempt(() => {
      const done = createHash('sha1');
      done.digest();
      return done.update('x');
    }),
  ];
}

async function derived() {
  const [pbkdf2, scrypt, hkdf] = [crypto.pbkdf2, crypto.scrypt, crypto.hkdf].map((one) => promisify(one));
  const options = { N: 1024, r: 8, p: 2 };
  return [
    hex(crypto.pbkdf2Sync('password', 'salt', 1000, 40, 'sha512')),
    hex(await pbkdf2('password', Buffer.from('salt'), 1, 20, 'sha1')),
    hex(crypto.scryptSync('password', 'salt', 32, options)),
    hex(await scrypt('password', 'salt', 16, { cost: 512, blockSize: 4, parallelization: 1 })),
    hex(crypto.hkdfSync('sha256', 'key', 'salt', 'info', 42)),
    hex(await hkdf('sha512', 'key', '', '', 64)),
    attempt(() => crypto.scryptSync('p', 's', 1, { N: 1000 })),
    attempt(() => crypto.scryptSync('p', 's', 1, { N: 2 ** 20 })),
    attempt(() => crypto.pbkdf2Sync('p', 's', 1, 1, 'none')),
    attempt(() => crypto.pbkdf2Sync('p', 's', 0, 1, 'sha1')),
    attempt(() => crypto.hkdfSync('sha1', 'k', 's', 'i', 255 * 20 + 1)),
  ];
}

function ciphers() {
  const key = Buffer.alloc(32, 3);
  const gcm = crypto.createCipheriv('aes-256-gcm', key, Buffer.alloc(12, 1));
  gcm.setAAD(Buffer.from('about'));
  const sent = gcm.update(text, 'utf8', 'hex') + gcm.final('hex');
  const tag = gcm.getAuthTag();
  const open = (given) => {
    const back = crypto.createDecipheriv('aes-256-gcm', key, Buffer.alloc(12, 1));
    back.setAAD(Buffer.from('about')).setAuthTag(given);
    return back.update(sent, 'hex', 'utf8') + back.final('utf8');
  };
  const cbc = crypto.createCipheriv('aes-128-cbc', key.subarray(16), key.subarray(16));
  const blocks = [cbc.update(Buffer.alloc(300_000, 5)), cbc.update(text), cbc.final()];
  return [
    sent,
    hex(tag),
    open(tag),
    attempt(() => open(Buffer.alloc(16))).length,
    createHash('sha1').update(Buffer.concat(blocks)).digest('hex'),
    attempt(() => crypto.createCipheriv('none', key, null)),
    attempt(() => crypto.createCipheriv('aes-256-cbc', key, Buffer.alloc(3))),
  ];
}

async function signatures() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const pem = (label, bytes) =>
    `-----BEGIN ${label} KEY-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${label} KEY-----\n`;
  const priv = pem('PRIVATE', await crypto.subtle.exportKey('pkcs8', pair.privateKey));
  const pub = pem('PUBLIC', await crypto.subtle.exportKey('spki', pair.publicKey));
  const signed = crypto.createSign('SHA256').update(text).sign({ key: priv, dsaEncoding: 'ieee-p1363' });
  const key = crypto.createPrivateKey(priv);
  const edwards = crypto.createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    },
  });
  return [
    signed.length,
    crypto.verify('sha256', Buffer.from(text), { key: pub, dsaEncoding: 'ieee-p1363' }, signed),
    crypto.verify('sha256', Buffer.from('other'), { key: pub, dsaEncoding: 'ieee-p1363' }, signed),
    crypto
      .createVerify('RSA-SHA256')
      .update(text)
      .verify(pub, crypto.sign('sha256', Buffer.from(text), key)),
    await promisify(crypto.verify)(
      'sha256',
      Buffer.from(text),
      key,
      await promisify(crypto.sign)('sha256', Buffer.from(text), key),
    ),
    [key.type, key.asymmetricKeyType, key.asymmetricKeyDetails, crypto.createPublicKey(key).type],
    crypto.createPublicKey(key).export({ type: 'spki', format: 'pem' }) ===
      crypto.createPublicKey(pub).export({ type: 'spki', format: 'pem' }),
    hex(crypto.sign(null, Buffer.from(text), edwards)),
    crypto.createPublicKey(edwards).export({ format: 'jwk' }),
    attempt(() => crypto.createPrivateKey('none'))[0],
  ];
}

export async function run() {
  const view = crypto.randomFillSync(new Uint16Array(40));
  const numbers = Array.from({ length: 100 }, () => crypto.randomInt(3, 7));
  return {
    hashes: hashes(),
    derived: await derived(),
    ciphers: ciphers(),
    signatures: await signatures(),
    random: [
      crypto.randomBytes(100_000).length,
      (await promisify(crypto.randomBytes)(7)).length,
      view.some((item) => item > 0),
      numbers.every((number) => number >= 3 && number < 7),
      crypto.randomUUID().length,
      crypto.webcrypto.subtle === crypto.subtle,
      attempt(() => crypto.randomBytes(-1)),
      attempt(() => crypto.randomInt(5, 5)),
    ],
    equal: [
      timingSafeEqual(Buffer.from('abc'), Buffer.from('abc')),
      timingSafeEqual(Buffer.from('abc'), Buffer.from('abd')),
      attempt(() => timingSafeEqual(Buffer.from('a'), Buffer.from('ab'))),
      attempt(() => timingSafeEqual('a', 'a')),
    ],
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
