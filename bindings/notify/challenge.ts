import type { Mailer } from '#bindings/mail/mail.ts';
import type { Result } from './channel.ts';
import { backoffMs } from './delivery.ts';
import type { Retry } from './delivery.ts';
import { inviteByEmail } from './email.ts';
import type { Settlement } from './lane.ts';
import { confirmMs } from './limits.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Space } from './space.ts';
import { challengeWebhook } from './webhook.ts';
import type { WebhookNeeds } from './webhook.ts';

export interface ChallengeNeeds extends WebhookNeeds {
  readonly mailer: Mailer;
  readonly space: Space;
  readonly subscriptions: Subscriptions;
  readonly retry: Retry;
  readonly random: () => number;
}

/** An endpoint that does not answer by then can be subscribed again. */
const mostAttempts = 8;

/** Asks a subscriber whether it wants to be one: a signed challenge to a webhook, a link to a mailbox. */
export async function attemptChallenge(
  needs: ChallengeNeeds,
  {
    subscription: id,
    attempts,
    signal,
  }: { readonly subscription: string; readonly attempts: number; readonly signal: AbortSignal },
): Promise<Settlement> {
  const { space, subscriptions, keyring, mailer, now, retry, random } = needs;
  const subscription = await subscriptions.get(id);
  if (subscription === undefined || subscription.state === 'confirmed') return { changes: [] };
  const token = await keyring.sign(space, { for: 'confirm', subscription: id, until: now() + confirmMs });
  const { links } = subscription.sender;
  const confirmUrl = links === undefined ? undefined : `${links}/confirm?token=${token}`;
  let result: Result;
  if (subscription.target.channel === 'webhook') {
    const asked = { space, subscription, token, signal, ...(confirmUrl === undefined ? {} : { confirmUrl }) };
    result = await challengeWebhook(needs, asked);
  } else {
    result = await inviteByEmail(mailer, { subscription, confirmUrl: confirmUrl ?? '', signal });
  }
  if (result.kind === 'delivered') {
    if (result.detail === 'confirmed') await subscriptions.confirm(id);
    return { changes: [] };
  }
  if (result.kind === 'gone') return { changes: subscriptions.removal(subscription) };
  if (result.kind === 'refused' || attempts >= mostAttempts) return { changes: [] };
  const at = now() + Math.max(backoffMs(retry, attempts, random), result.afterMs ?? 0);
  return { changes: [], again: { at, attempts } };
}
