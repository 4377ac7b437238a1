/**
 * What the crypto part repeats, in a function and in Node alike: an expression that promises a function for each case,
 * which does it `n` times, one after the other.
 */
export const cryptoCases: string = `(async () => {
  const { subtle } = crypto;
  const short = new Uint8Array(64).fill(7);
  const long = new Uint8Array(64 * 1024).fill(7);
  const iv = new Uint8Array(12);
  const hmac = await subtle.importKey('raw', short, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  const aes = await subtle.importKey('raw', short.slice(0, 32), 'AES-GCM', false, ['encrypt', 'decrypt']);
  const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pair = await subtle.generateKey(ecdsa, false, ['sign', 'verify']);
  const signature = await subtle.sign(ecdsa, pair.privateKey, short);
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv }, aes, short);
  const repeat = (run) => async (n) => { for (let i = 0; i < n; i++) await run(); };
  return {
    'digest SHA-256, 64 B': repeat(() => subtle.digest('SHA-256', short)),
    'digest SHA-256, 64 KB': repeat(() => subtle.digest('SHA-256', long)),
    'sign HMAC': repeat(() => subtle.sign('HMAC', hmac, short)),
    'sign ECDSA P-256': repeat(() => subtle.sign(ecdsa, pair.privateKey, short)),
    'verify ECDSA P-256': repeat(() => subtle.verify(ecdsa, pair.publicKey, signature, short)),
    'encrypt AES-GCM, 64 KB': repeat(() => subtle.encrypt({ name: 'AES-GCM', iv }, aes, long)),
    'decrypt AES-GCM, 64 B': repeat(() => subtle.decrypt({ name: 'AES-GCM', iv }, aes, sealed)),
    'import a HMAC key': repeat(() => subtle.importKey('raw', short, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])),
  };
})()`;
