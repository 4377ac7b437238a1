import { createDecoder, type Decode, isMultiByte } from './multi-byte.ts';
import { ServiceError, type ServiceCall, type SharedState, type Work } from './service.ts';
import { msPerByte } from './yardstick.ts';

/** Bytes of one call: decoded on the thread that all guests share, in about 0.1 ms. */
const mostBytes = 16 * 1024;
/** Texts of one instance that are under way; a decoder takes about 1 KB. */
const mostTexts = 256;
const callMs = 0.002;

/** Texts under way, oldest first. */
interface Texts {
  readonly open: Map<number, Decode>;
  next: number;
}

/**
 * The multi-byte encodings for a guest's TextDecoder (Encoding, 10 to 13). args: [encoding, fatal, more, text]; `text` is
 * 0 for the beginning of one, else the number the call before gave. Answers [text, decoded]: 0 when the text is over, and
 * null in place of what is malformed. A decoder lives longer than the invocation it began in, so it is the instance's;
 * beyond 256 the oldest text is given up, and its next bytes are refused.
 */
export function decode({ args, bytes, shared }: ServiceCall): Work {
  const [encoding, fatal, more, text] = args;
  if (!isMultiByte(encoding)) throw new ServiceError('NotSupportedError', 'No such multi-byte encoding');
  if (bytes.length > mostBytes)
    throw new ServiceError('RangeError', `More than ${mostBytes} bytes at once; decode them in parts`);
  const run = (): { readonly value: unknown } => {
    const texts = textsOf(shared);
    const begun = text === 0 ? createDecoder(encoding, fatal === true) : texts.open.get(text as number);
    if (begun === undefined)
      throw new ServiceError(
        'TypeError',
        `The beginning of this text is lost: ${mostTexts} others are being decoded; finish some first`,
      );
    let number = text as number;
    if (more !== true) texts.open.delete(number);
    else if (number === 0) number = keep(texts, begun);
    return { value: [more === true ? number : 0, decodeSome(begun, bytes, more === true)] };
  };
  return { cpuMs: callMs + bytes.length * msPerByte('multi-byte', sample), run };
}

function textsOf(shared: SharedState): Texts {
  const known = shared.get('decode') as Texts | undefined;
  if (known !== undefined) return known;
  const texts: Texts = { open: new Map(), next: 1 };
  shared.set('decode', texts);
  return texts;
}

function keep(texts: Texts, decoder: Decode): number {
  const { open } = texts;
  const [oldest] = open.keys();
  if (open.size >= mostTexts && oldest !== undefined) open.delete(oldest);
  const number = texts.next++;
  open.set(number, decoder);
  return number;
}

function decodeSome(decoder: Decode, bytes: Uint8Array, more: boolean): string | null {
  try {
    return decoder(bytes, more);
  } catch {
    return null;
  }
}

function sample(data: Uint8Array): void {
  createDecoder('gbk', false)(data.fill(0xb0), false);
}
