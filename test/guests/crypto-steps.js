// Runs calls of crypto.subtle that come as data, one after the other, and tells what each gave. The same file runs in
// Node, whose crypto.subtle is then the measure.

const toHex = (bytes) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** {hex}: bytes; {result: n, of?}: what step n gave; everything else is itself. */
function build(value, results) {
  if (Array.isArray(value)) return value.map((item) => build(item, results));
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value.hex === 'string') return fromHex(value.hex);
  if (typeof value.result === 'number') {
    const found = results[value.result];
    return value.of === undefined ? found : found?.[value.of];
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, build(item, results)]));
}

function tell(value) {
  if (value instanceof ArrayBuffer) return { hex: toHex(value) };
  if (value instanceof CryptoKey) {
    const { type, extractable, algorithm, usages } = value;
    const { publicExponent } = algorithm;
    const exponent = publicExponent === undefined ? {} : { publicExponent: toHex(publicExponent) };
    return { type, extractable, algorithm: { ...algorithm, ...exponent }, usages: [...usages].sort() };
  }
  if (value?.publicKey instanceof CryptoKey)
    return { publicKey: tell(value.publicKey), privateKey: tell(value.privateKey) };
  return value;
}

export async function perform(subtle, steps) {
  const results = [];
  const told = [];
  for (const { operation, args } of steps) {
    try {
      const result = await subtle[operation](...build(args, results));
      results.push(result);
      told.push(tell(result));
    } catch (error) {
      results.push(undefined);
      told.push({ error: error.name, isDom: error instanceof DOMException });
    }
  }
  return told;
}

export default {
  async fetch(request) {
    return Response.json(await perform(crypto.subtle, await request.json()));
  },
};
