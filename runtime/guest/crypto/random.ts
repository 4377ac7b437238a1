import { fromBase64 } from '../base64.ts';
import { ask } from '../output.ts';
import {
  NativeError,
  NativeUint8Array,
  copyBytes,
  fillBytes,
  min,
  setBytes,
  viewLength,
} from '../primordials.ts';

let pool = new NativeUint8Array(0);
let used = 0;

export function fillPool(entropy: ArrayBuffer): void {
  pool = new NativeUint8Array(entropy);
  used = 0;
}

/** Random bytes from the cell's pool, which is refilled when used up; what was given out is wiped. */
export function random(target: Uint8Array): void {
  const total = viewLength(target);
  let done = 0;
  while (done < total) {
    if (used === viewLength(pool)) {
      pool = fromBase64(ask('entropy', ''));
      used = 0;
      if (viewLength(pool) === 0) throw new NativeError('No random bytes are available');
    }
    const length = min(total - done, viewLength(pool) - used);
    setBytes(target, copyBytes(pool, used, length), done);
    fillBytes(pool, 0, used, used + length);
    used += length;
    done += length;
  }
}
