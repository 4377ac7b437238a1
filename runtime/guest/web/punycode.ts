const base = 36;
const tMin = 1;
const tMax = 26;
const skew = 38;
const damp = 700;
const initialBias = 72;
const initialN = 128;
const digits = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** RFC 3492, 6.3: the Punycode of a label, a well-formed string, in lower case and without "xn--". */
export function encodePunycode(label: string): string {
  const points: number[] = [];
  let output = '';
  for (let at = 0; at < label.length; at++) {
    const point = label.codePointAt(at) as number;
    if (point < initialN) output += label[at] as string;
    if (point > 0xffff) at++;
    points[points.length] = point;
  }
  let handled = output.length;
  let bias = initialBias;
  let n = initialN;
  let delta = 0;
  const basic = handled;
  if (basic > 0) output += '-';
  while (handled < points.length) {
    let next = 0x110000;
    for (let index = 0; index < points.length; index++) {
      const point = points[index] as number;
      if (point >= n && point < next) next = point;
    }
    delta += (next - n) * (handled + 1);
    n = next;
    for (let index = 0; index < points.length; index++) {
      const point = points[index] as number;
      if (point < n) delta++;
      if (point !== n) continue;
      output += encodeDelta(delta, bias);
      bias = adapt(delta, handled + 1, handled === basic);
      delta = 0;
      handled++;
    }
    delta++;
    n++;
  }
  return output;
}

/** A generalised variable-length integer (3.3). */
function encodeDelta(delta: number, bias: number): string {
  let rest = delta;
  let text = '';
  for (let k = base; ; k += base) {
    const t = k <= bias ? tMin : k >= bias + tMax ? tMax : k - bias;
    if (rest < t) return text + (digits[rest] as string);
    text += digits[t + ((rest - t) % (base - t))] as string;
    rest = ((rest - t) / (base - t)) | 0;
  }
}

/** Section 6.1. */
function adapt(delta: number, points: number, isFirst: boolean): number {
  let rest = isFirst ? (delta / damp) | 0 : delta >> 1;
  rest += (rest / points) | 0;
  let k = 0;
  while (rest > ((base - tMin) * tMax) >> 1) {
    rest = (rest / (base - tMin)) | 0;
    k += base;
  }
  return k + ((((base - tMin + 1) * rest) / (rest + skew)) | 0);
}
