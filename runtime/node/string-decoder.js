import library from '@jspm/core/nodelibs/string_decoder';
import { Buffer } from './buffer.js';
import { fault } from './errors.js';

/**
 * `node:string_decoder`; the library takes Buffers only, knows no base64url, and gives its errors no code.
 * https://nodejs.org/api/string_decoder.html
 */
const toBuffer = (bytes) =>
  ArrayBuffer.isView(bytes) && !Buffer.isBuffer(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : bytes;
const letters = { '+': '-', '/': '_', '=': '' };

export class StringDecoder {
  #library;
  #isUrl;

  constructor(encoding) {
    if (encoding !== undefined && encoding !== null && !Buffer.isEncoding(encoding))
      throw fault(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${String(encoding)}`);
    this.#isUrl = String(encoding).toLowerCase() === 'base64url';
    this.#library = new library.StringDecoder(this.#isUrl ? 'base64' : encoding);
    this.encoding = this.#isUrl ? 'base64url' : this.#library.encoding;
  }

  write(bytes) {
    return this.#toAlphabet(this.#library.write(toBuffer(bytes)));
  }

  end(bytes) {
    return this.#toAlphabet(this.#library.end(bytes === undefined ? bytes : toBuffer(bytes)));
  }

  #toAlphabet(text) {
    return this.#isUrl ? text.replaceAll(/[+/=]/g, (letter) => letters[letter]) : text;
  }
}
export default { StringDecoder };
