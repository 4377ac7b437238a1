import { Webhook } from 'standardwebhooks';
import type { Egress, EgressAnswer } from '#runtime/egress.ts';
import { HostError } from '#runtime/errors.ts';
import { failedWith } from './channel.ts';
import type { Order, Result, Send } from './channel.ts';
import type { Keyring } from './keyring.ts';
import { answerBytes } from './limits.ts';
import type { SubscriptionRecord } from './records.ts';
import type { Space } from './space.ts';

const requestMs = 15_000;

export interface WebhookNeeds {
  readonly egress: Egress;
  readonly keyring: Keyring;
  readonly now: () => number;
}

/** Posts messages, signed as Standard Webhooks 1.0.0 has it. */
export function toWebhooks(needs: WebhookNeeds): Send {
  return async ({ message, content, subscription, space, signal }: Order): Promise<Result> => {
    if (subscription === undefined) throw new TypeError('subscription');
    const { title, text, html, url, icon, data } = content;
    const said = { title, text, html, url, icon };
    const body = {
      type: message.topic ?? 'message',
      timestamp: new Date(message.createdAt).toISOString(),
      data: data ?? said,
      id: message.id,
      subscription: subscription.id,
      attributes: message.attributes,
      ...(data === undefined ? {} : said),
    };
    const answer = await post(needs, { space, subscription, id: message.id, body, signal });
    if ('kind' in answer) return answer;
    const { status, headers } = answer;
    if (status >= 200 && status < 300) return { kind: 'delivered', detail: `HTTP ${status}` };
    // "410 Gone" asks not to be sent anything any more (Standard Webhooks, "Considerations for Webhook Producers").
    if (status === 410) return { kind: 'gone', detail: 'HTTP 410' };
    return failedWith(status, headers['retry-after'], needs.now());
  };
}

interface Challenge {
  readonly space: Space;
  readonly subscription: SubscriptionRecord;
  /** Confirms when it is posted to; absent where the address is not known. */
  readonly confirmUrl?: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

/**
 * Asks an endpoint whether it wants to be one: it does when its 2xx answer is the challenge, or JSON with it as
 * `challenge`. An endpoint that sends back whatever it gets says nothing by that.
 */
export async function challengeWebhook(needs: WebhookNeeds, asked: Challenge): Promise<Result> {
  const { space, subscription, confirmUrl, token, signal } = asked;
  const challenge = token.slice(-43);
  const body = {
    type: 'subscription.confirmation',
    timestamp: new Date(needs.now()).toISOString(),
    data: { subscription: subscription.id, topic: subscription.topic, challenge, confirmUrl, token },
  };
  const answer = await post(needs, { space, subscription, id: `confirm_${subscription.id}`, body, signal });
  if ('kind' in answer) return answer;
  const { status, headers } = answer;
  if (status === 410) return { kind: 'gone', detail: 'HTTP 410' };
  if (status < 200 || status >= 300) return failedWith(status, headers['retry-after'], needs.now());
  return {
    kind: 'delivered',
    detail: isAnswer(Buffer.from(answer.body).toString(), challenge) ? 'confirmed' : 'asked',
  };
}

function isAnswer(text: string, challenge: string): boolean {
  if (text.trim() === challenge) return true;
  try {
    return (JSON.parse(text) as { readonly challenge?: unknown } | null)?.challenge === challenge;
  } catch {
    return false;
  }
}

interface Posted {
  readonly space: Space;
  readonly subscription: SubscriptionRecord;
  readonly id: string;
  readonly body: object;
  readonly signal: AbortSignal;
}

async function post(
  { egress, keyring, now }: WebhookNeeds,
  { space, subscription, id, body, signal }: Posted,
): Promise<EgressAnswer | Result> {
  const { target, sender } = subscription;
  if (target.channel !== 'webhook') throw new TypeError('target');
  const payload = JSON.stringify(body);
  const at = new Date(now());
  const signatures = target.secrets
    .filter(({ until }) => until === undefined || until > at.getTime())
    .map(({ sealed }) => new Webhook(keyring.unseal(space, sealed)).sign(id, at, payload));
  try {
    return await egress.request(target.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'islet-notify',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signatures.join(' '),
      },
      body: payload,
      timeoutMs: requestMs,
      maxBytes: answerBytes,
      signal,
      ...(sender.egress === undefined ? {} : { policy: sender.egress }),
    });
  } catch (error) {
    return toNetworkFailure(error);
  }
}

/** The address may be refused for good, or the network for now. */
export function toNetworkFailure(error: unknown): Result {
  if (error instanceof HostError)
    return { kind: error.code === 'ERR_EGRESS_REFUSED' ? 'refused' : 'failed', detail: error.code };
  if (error instanceof TypeError) return { kind: 'refused', detail: 'not an address' };
  if (error instanceof Error && error.name === 'AbortError') return { kind: 'failed', detail: 'aborted' };
  throw error;
}
