import { Buffer } from './buffer.js';

/** `node:stream/consumers`. https://nodejs.org/api/webstreams.html#utility-consumers */

async function parts(source) {
  const encoder = new TextEncoder();
  const pieces = [];
  for await (const piece of source) pieces.push(typeof piece === 'string' ? encoder.encode(piece) : piece);
  return pieces;
}

export const blob = async (source) => new Blob(await parts(source));
export const arrayBuffer = async (source) => (await blob(source)).arrayBuffer();
export const bytes = async (source) => new Uint8Array(await arrayBuffer(source));
export const buffer = async (source) => Buffer.from(await arrayBuffer(source));
export const text = async (source) => (await blob(source)).text();
export const json = async (source) => JSON.parse(await text(source));
export default { arrayBuffer, blob, buffer, bytes, json, text };
