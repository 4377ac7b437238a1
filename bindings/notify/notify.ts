import type { Mailer } from '#bindings/mail/mail.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Attachment, Binding, GrantContext } from '#runtime/binding.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import type { DeploymentHead } from '#runtime/deployment.ts';
import type { Egress } from '#runtime/egress.ts';
import type { FunctionCaller } from '#runtime/functions.ts';
import type { Sealer } from '#runtime/sealer.ts';
import { attemptChallenge } from './challenge.ts';
import type { Send } from './channel.ts';
import { parseNotifyConfig } from './config.ts';
import type { NotifyConfig } from './config.ts';
import { Templates } from './content.ts';
import { Deliveries } from './deliveries.ts';
import { attemptDelivery, defaultRetry } from './delivery.ts';
import type { Retry } from './delivery.ts';
import { toEmail } from './email.ts';
import { handOutPage } from './hand-out.ts';
import { toInbox } from './inbox.ts';
import { Keyring } from './keyring.ts';
import type { JobRun, Settlement } from './lane.ts';
import { toLinks } from './links.ts';
import { callNotify } from './operations.ts';
import type { Desk } from './operations.ts';
import { Outbox } from './outbox.ts';
import { Publisher } from './publisher.ts';
import { toPush } from './push.ts';
import type { Channel, SenderFacts } from './records.ts';
import { createServed } from './served.ts';
import { Space } from './space.ts';
import { Subscriptions } from './subscriptions.ts';
import { toFunctions } from './to-function.ts';
import { toWebhooks } from './webhook.ts';

export interface NotifyNeeds {
  readonly store: Store;
  readonly functions: FunctionCaller;
  readonly mailer: Mailer;
  readonly sealer: Sealer;
  readonly egress: Egress;
  /** The host's own address, e.g. `https://functions.example.com`: functions are at `/<name>` there. */
  readonly publicUrl?: string | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
  /** What the host did wrong; deliveries that fail are in the log of deliveries. */
  readonly failed?: (error: unknown, what: string) => void;
  readonly retry?: Retry;
  /** How long a job is one host's alone, and how often those of others are looked for. */
  readonly leaseMs?: number;
  readonly pollMs?: number;
}

/** The binding and what it does in the background. */
export interface NotifyBinding extends Binding {
  /** From now on what was accepted is delivered. */
  start(): void;
  /** Waits for deliveries under way. */
  close(): Promise<void>;
}

const dayMs = 86_400_000;

/**
 * The `notify` binding: topics, subscriptions, messages to users; delivered at least once to functions, webhooks,
 * mailboxes, browsers and inboxes. Config: a space, `{ space, path, url, from, … }`, or nothing for the function's own,
 * "<function>/<NAME>". A space is shared by every function of a cordon that names it, and by none of another.
 */
export function createNotifyBinding(needs: NotifyNeeds): NotifyBinding {
  const { store, functions, mailer, egress } = needs;
  const now = needs.now ?? Date.now;
  const random = needs.random ?? Math.random;
  const retry = needs.retry ?? defaultRetry;
  const keyring = new Keyring(store, needs.sealer);
  const channels: Readonly<Record<Channel, Send>> = {
    function: toFunctions(functions, now),
    webhook: toWebhooks({ egress, keyring, now }),
    email: toEmail({ mailer, store, keyring }),
    push: toPush({ egress, keyring, now }),
    inbox: toInbox(store, now),
  };
  const run = async ({ space, job, attempts, signal }: JobRun): Promise<Settlement> => {
    const subscriptions = new Subscriptions(store, space, { keyring, now });
    switch (job.kind) {
      case 'message':
        return handOutPage({ store, space, subscriptions, now }, job.message);
      case 'delivery': {
        const templates = new Templates(store, space);
        const parts = { store, space, subscriptions, templates, channels, retry, now, random };
        return attemptDelivery(parts, { ...job, attempts, signal });
      }
      case 'challenge': {
        const parts = { space, subscriptions, egress, keyring, mailer, retry, now, random };
        return attemptChallenge(parts, { ...job, attempts, signal });
      }
    }
  };
  const failed = needs.failed ?? (() => undefined);
  const outbox = new Outbox({ store, now, run, failed, leaseMs: needs.leaseMs, pollMs: needs.pollMs });
  return {
    kind: 'notify',
    parse: parseNotifyConfig,
    attach(declaration, deployment): Attachment {
      const config = parseNotifyConfig(declaration.config);
      const space = new Space(
        deployment.cordon,
        config.space ?? `${deployment.function}/${declaration.name}`,
      );
      const subscriptions = new Subscriptions(store, space, { keyring, now });
      const shared: Omit<Desk, 'context' | 'sender'> = {
        store,
        space,
        keyring,
        subscriptions,
        templates: new Templates(store, space),
        publisher: new Publisher(store, space, now),
        deliveries: new Deliveries(store, space, { subscriptions, now }),
        dedupMs: config.dedupSeconds * 1000,
        now,
        wake: () => outbox.wake(space),
      };
      return {
        grant: (context) => {
          const sender = senderOf(config, deployment, { publicUrl: needs.publicUrl, context });
          return { call: (operation) => callNotify({ ...shared, context, sender }, operation) };
        },
        served: createServed(config.path, { store, space, subscriptions, keyring, now }),
      };
    },
    start: () => outbox.start(),
    close: () => outbox.close(),
  };
}

function senderOf(
  config: NotifyConfig,
  deployment: DeploymentHead,
  { publicUrl, context }: { readonly publicUrl: string | undefined; readonly context: GrantContext },
): SenderFacts {
  const links = toLinks(config, deployment, { publicUrl, request: context.request });
  const { from, contact, retentionDays, inboxDays } = config;
  // Kept with every message: only where it says more than none would.
  const { headers: _headers, ...egress } = deployment.egress;
  const { headers: _none, ...usual } = defaultEgress;
  const own = JSON.stringify(egress) !== JSON.stringify(usual);
  return {
    function: deployment.function,
    ...(links === undefined ? {} : { links }),
    ...(from === undefined ? {} : { from }),
    ...(contact === undefined ? {} : { contact }),
    keepMs: retentionDays * dayMs,
    inboxMs: inboxDays * dayMs,
    ...(own ? { egress: { ...egress, headers: [] } } : {}),
  };
}
