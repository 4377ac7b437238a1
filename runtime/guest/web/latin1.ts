import { staticOf } from './webidl.ts';

const apply = Reflect.apply as unknown as (run: unknown, self: undefined, args: Uint8Array) => string;
const fromCharCode = staticOf<(...codes: number[]) => string>(String, 'fromCharCode');
/** Well below what V8 takes as arguments. */
const pieceBytes = 8192;

/** One character per byte. */
export function decodeLatin1(bytes: Uint8Array): string {
  const { length } = bytes;
  if (length <= pieceBytes) return apply(fromCharCode, undefined, bytes);
  let text = '';
  for (let at = 0; at < length; at += pieceBytes)
    text += apply(fromCharCode, undefined, bytes.subarray(at, at + pieceBytes));
  return text;
}
