import type { ByteReader } from './wasm-bytes.ts';
import { malformed } from './wasm-bytes.ts';

/** How many types a type section defines, those of recursive groups one by one (specification 3.0, 5.3.8). */
export function countTypes(reader: ByteReader): number {
  let count = 0;
  for (let left = reader.number(); left > 0; left--) {
    const code = reader.byte();
    if (code !== 0x4e) {
      skipType(reader, code);
      count++;
      continue;
    }
    const size = reader.number();
    for (let index = 0; index < size; index++) skipType(reader, reader.byte());
    count += size;
  }
  return count;
}

function skipType(reader: ByteReader, first: number): void {
  let code = first;
  if (code === 0x50 || code === 0x4f) {
    reader.skipNumbers(reader.number());
    code = reader.byte();
  }
  switch (code) {
    case 0x60:
      reader.skipValueTypes();
      return reader.skipValueTypes();
    case 0x5f:
      for (let left = reader.number(); left > 0; left--) skipField(reader);
      return;
    case 0x5e:
      return skipField(reader);
    default:
      throw malformed;
  }
}

function skipField(reader: ByteReader): void {
  reader.skipValueType();
  reader.skip(1);
}
