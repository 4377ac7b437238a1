/** How a member of a parameter dictionary is converted; in capitals it is required. */
export type Conversion =
  /** BufferSource */
  | 'B'
  | 'b'
  /** BigInteger: a Uint8Array */
  | 'I'
  /** HashAlgorithmIdentifier */
  | 'H'
  /** DOMString */
  | 'T'
  /** CryptoKey */
  | 'K'
  /** [EnforceRange] octet, unsigned short, unsigned long */
  | 'O'
  | 'o'
  | 'S'
  | 'L'
  | 'l';

/** A dictionary's members beyond `name`, in the order Web IDL reads them. */
export type Members = readonly (readonly [string, Conversion])[];

/** The operations of Web Cryptography that algorithms are registered for. */
export type Registered =
  | 'encrypt'
  | 'decrypt'
  | 'sign'
  | 'verify'
  | 'digest'
  | 'generateKey'
  | 'deriveBits'
  | 'importKey'
  | 'exportKey'
  | 'wrapKey'
  | 'unwrapKey'
  | 'length';

export type Algorithm = { readonly name: string } & { readonly [Operation in Registered]?: Members };

const none: Members = [];
const hash: Members = [['hash', 'H']];
const hmac: Members = [
  ['hash', 'H'],
  ['length', 'l'],
];
const curve: Members = [['namedCurve', 'T']];
const iv: Members = [['iv', 'B']];
const counter: Members = [
  ['counter', 'B'],
  ['length', 'O'],
];
const aead: Members = [
  ['additionalData', 'b'],
  ['iv', 'B'],
  ['tagLength', 'o'],
];
const aesLength: Members = [['length', 'S']];
const rsaKey: Members = [
  ['modulusLength', 'L'],
  ['publicExponent', 'I'],
  ['hash', 'H'],
];
const label: Members = [['label', 'b']];
const salt: Members = [['saltLength', 'L']];
const peer: Members = [['public', 'K']];
const context: Members = [['context', 'b']];
const hkdf: Members = [
  ['hash', 'H'],
  ['info', 'B'],
  ['salt', 'B'],
];
const pbkdf2: Members = [
  ['hash', 'H'],
  ['iterations', 'L'],
  ['salt', 'B'],
];

const aes = (name: string, params: Members | undefined): Algorithm => ({
  name,
  generateKey: aesLength,
  exportKey: none,
  importKey: none,
  length: aesLength,
  ...(params === undefined ? { wrapKey: none, unwrapKey: none } : { encrypt: params, decrypt: params }),
});

const rsa = (name: string, more: Partial<Algorithm>): Algorithm => ({
  name,
  generateKey: rsaKey,
  exportKey: none,
  importKey: hash,
  ...more,
});

const curves = (name: string, key: Members, more: Partial<Algorithm>): Algorithm => ({
  name,
  generateKey: key,
  exportKey: none,
  importKey: key,
  ...more,
});

const signs = (params: Members): Partial<Algorithm> => ({ sign: params, verify: params });

const list: readonly Algorithm[] = [
  aes('AES-CBC', iv),
  aes('AES-CTR', counter),
  aes('AES-GCM', aead),
  aes('AES-KW', undefined),
  { ...aes('ChaCha20-Poly1305', aead), generateKey: none, length: none },
  rsa('RSASSA-PKCS1-v1_5', signs(none)),
  rsa('RSA-PSS', signs(salt)),
  rsa('RSA-OAEP', { encrypt: label, decrypt: label }),
  curves('ECDSA', curve, signs(hash)),
  curves('ECDH', curve, { deriveBits: peer }),
  curves('Ed25519', none, signs(none)),
  curves('Ed448', none, signs(context)),
  curves('X25519', none, { deriveBits: peer }),
  curves('X448', none, { deriveBits: peer }),
  { name: 'HMAC', generateKey: hmac, exportKey: none, importKey: hmac, length: hmac, ...signs(none) },
  { name: 'HKDF', importKey: none, deriveBits: hkdf, length: none },
  { name: 'PBKDF2', importKey: none, deriveBits: pbkdf2, length: none },
  { name: 'SHA-1', digest: none },
  { name: 'SHA-256', digest: none },
  { name: 'SHA-384', digest: none },
  { name: 'SHA-512', digest: none },
  { name: 'SHA3-256', digest: none },
  { name: 'SHA3-384', digest: none },
  { name: 'SHA3-512', digest: none },
];

/** The algorithms by name in upper case; nothing here inherits anything a guest could add. */
export const algorithms: Readonly<Record<string, Algorithm>> = byName();

function byName(): Record<string, Algorithm> {
  const table = { __proto__: null } as unknown as Record<string, Algorithm>;
  for (const algorithm of list)
    table[algorithm.name.toUpperCase()] = { __proto__: null, ...algorithm } as Algorithm;
  return table;
}
