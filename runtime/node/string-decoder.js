import library from '@jspm/core/nodelibs/string_decoder';
import { Buffer } from './buffer.js';

/** `node:string_decoder`; the library takes Buffers only. https://nodejs.org/api/string_decoder.html */
const toBuffer = (bytes) =>
  ArrayBuffer.isView(bytes) && !Buffer.isBuffer(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : bytes;

export class StringDecoder extends library.StringDecoder {
  write(bytes) {
    return super.write(toBuffer(bytes));
  }

  end(bytes) {
    return super.end(bytes === undefined ? bytes : toBuffer(bytes));
  }
}
export default { StringDecoder };
