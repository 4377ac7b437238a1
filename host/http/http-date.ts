let text = '';
let second = 0;

/** The time as a `date` header says it (RFC 9110, 5.6.7); made once a second. */
export function httpDate(): string {
  const now = Math.trunc(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
