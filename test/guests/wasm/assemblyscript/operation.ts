import { answer, body, body_len, call } from './islet';

/** Runs one operation and gives the answer's JSON; `request` is `["NAME","method",args]`. */
export function operation(request: string, bytes: ArrayBuffer | null = null): string {
  const text = String.UTF8.encode(request);
  const length =
    bytes === null
      ? call(changetype<usize>(text), text.byteLength, 0, -1)
      : call(changetype<usize>(text), text.byteLength, changetype<usize>(bytes), bytes.byteLength);
  if (length < 0) throw new Error('malformed: ' + request);
  const json = new ArrayBuffer(length);
  answer(changetype<usize>(json));
  return String.UTF8.decode(json);
}

/** Bytes of the last answer, as text; null where it has none. */
export function answerText(): string | null {
  const length = body_len();
  if (length < 0) return null;
  const bytes = new ArrayBuffer(length);
  body(changetype<usize>(bytes));
  return String.UTF8.decode(bytes);
}
