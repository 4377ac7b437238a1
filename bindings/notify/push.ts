import type { Egress } from '#runtime/egress.ts';
import { failedWith } from './channel.ts';
import type { Order, Result, Send } from './channel.ts';
import type { Keyring } from './keyring.ts';
import { answerBytes, pushBytes } from './limits.ts';
import type { MessageRecord, Priority } from './records.ts';
import { toNetworkFailure } from './webhook.ts';

const requestMs = 15_000;
const defaultContact = 'mailto:islet@localhost.invalid';
/** Four weeks: what push services keep at most. */
const longestTtlSeconds = 28 * 86_400;

/** RFC 8030, 5.3. */
const urgencies: Readonly<Record<Priority, 'high' | 'normal' | 'low'>> = {
  urgent: 'high',
  high: 'high',
  normal: 'normal',
  low: 'low',
};

export interface PushNeeds {
  readonly egress: Egress;
  readonly keyring: Keyring;
  readonly now: () => number;
}

/** Web Push: RFC 8030, encrypted by RFC 8291, under VAPID keys (RFC 8292). The one door to web-push, with keyring.ts. */
export function toPush({ egress, keyring, now }: PushNeeds): Send {
  return async ({ space, message, content, target, subscription, signal }: Order): Promise<Result> => {
    if (target.channel !== 'push') throw new TypeError('target');
    const { default: webPush } = await import('web-push');
    const { endpoint, p256dh, auth } = target;
    const details = webPush.generateRequestDetails(
      { endpoint, keys: { p256dh, auth } },
      toPayload(message, content),
      {
        vapidDetails: { subject: message.sender.contact ?? defaultContact, ...(await keyring.vapid(space)) },
        TTL: secondsLeft(message, now()),
        urgency: urgencies[message.priority],
        contentEncoding: 'aes128gcm',
      },
    );
    const headers = Object.entries(details.headers).filter(
      ([name]) => name.toLowerCase() !== 'content-length',
    );
    const policy = (subscription?.sender ?? message.sender).egress;
    try {
      const answer = await egress.request(endpoint, {
        method: 'POST',
        headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value as string | number)])),
        body: new Uint8Array(details.body),
        timeoutMs: requestMs,
        maxBytes: answerBytes,
        signal,
        ...(policy === undefined ? {} : { policy }),
      });
      return toResult(answer.status, answer.headers['retry-after'], now());
    } catch (error) {
      return toNetworkFailure(error);
    }
  };
}

/** RFC 8030, 5 and 7.3: 201 is the success; a subscription that is over is answered with 404 or 410. */
function toResult(status: number, retryAfter: string | undefined, now: number): Result {
  if (status >= 200 && status < 300) return { kind: 'delivered', detail: `HTTP ${status}` };
  if (status === 404 || status === 410) return { kind: 'gone', detail: `HTTP ${status}` };
  if (status === 429 || status >= 500 || status < 400) return failedWith(status, retryAfter, now);
  return { kind: 'refused', detail: `HTTP ${status}` };
}

function secondsLeft({ expiresAt }: MessageRecord, now: number): number {
  if (expiresAt === undefined) return longestTtlSeconds;
  return Math.min(longestTtlSeconds, Math.max(0, Math.ceil((expiresAt - now) / 1000)));
}

/** JSON for the service worker; when it is too long data goes first, then the end of the text, and it says so. */
export function toPayload(
  message: MessageRecord,
  { title, text, url, icon, data }: Order['content'],
): string {
  const head = { id: message.id, topic: message.topic, title, url, icon };
  const whole = JSON.stringify({ ...head, body: text, data });
  if (Buffer.byteLength(whole) <= pushBytes) return whole;
  const without = (body: string | undefined): string => JSON.stringify({ ...head, body, truncated: true });
  const body = text ?? '';
  let [fits, tooLong] = [0, body.length + 1];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (Buffer.byteLength(without(cut(body, middle))) <= pushBytes) fits = middle;
    else tooLong = middle;
  }
  return without(cut(body, fits));
}

/** Not in the middle of a character. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}
