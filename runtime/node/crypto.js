/**
 * `node:crypto`: over the web's crypto and services of the cell, so that nothing here computes for long.
 * https://nodejs.org/api/crypto.html
 */
import * as cipher from './crypto-cipher.js';
import * as derive from './crypto-derive.js';
import * as hashing from './crypto-hash.js';
import * as keys from './crypto-keys.js';
import * as random from './crypto-random.js';
import * as signing from './crypto-sign.js';

export { createCipheriv, createDecipheriv, getCiphers, Cipheriv, Decipheriv } from './crypto-cipher.js';
export { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from './crypto-derive.js';
export { createHash, createHmac, getHashes, hash, Hash, Hmac } from './crypto-hash.js';
export { createPrivateKey, createPublicKey, createSecretKey, KeyObject } from './crypto-keys.js';
export {
  getRandomValues,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  subtle,
  timingSafeEqual,
  webcrypto,
} from './crypto-random.js';
export { createSign, createVerify, sign, Sign, verify, Verify } from './crypto-sign.js';

export const getCurves = () => ['prime256v1', 'secp384r1', 'secp521r1'];
export const getFips = () => 0;
/** What sign and verify take. */
export const constants = {
  RSA_PKCS1_PADDING: 1,
  RSA_NO_PADDING: 3,
  RSA_PKCS1_OAEP_PADDING: 4,
  RSA_PKCS1_PSS_PADDING: 6,
  RSA_PSS_SALTLEN_DIGEST: -1,
  RSA_PSS_SALTLEN_MAX_SIGN: -2,
  RSA_PSS_SALTLEN_AUTO: -2,
};

const { toKeyObject: _unused, ...publicKeys } = keys;

export default {
  ...cipher,
  ...derive,
  ...hashing,
  ...publicKeys,
  ...random,
  ...signing,
  constants,
  getCurves,
  getFips,
};
