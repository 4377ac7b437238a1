import { Webhook } from 'standardwebhooks';

const longestBody = 200_000;

/**
 * Takes webhooks in and sends each on to everybody who subscribed: signed, tried again until it is taken, kept as a dead
 * letter when it never is.
 */
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const [, area, name = ''] = pathname.split('/');
    if (area === '') return new Response('POST webhooks to /in/<topic>: see README.md\n');
    if (!env.SENDER_SECRET || !env.ADMIN_TOKEN)
      return refuse(503, 'Set the secrets SENDER_SECRET and ADMIN_TOKEN first');
    if (area === 'in' && request.method === 'POST') return receive(request, env, name);
    if (area === 'subscriptions' || area === 'deliveries' || area === 'dead-letters') {
      if (request.headers.get('authorization') !== `Bearer ${env.ADMIN_TOKEN}`)
        return refuse(401, 'Send the admin token');
      try {
        return Response.json(await administer(request, env, { area, name, searchParams }));
      } catch (error) {
        // What the caller can mend has a code or is a TypeError; the rest is a failure of this function.
        if (error.code === 'ERR_NOTIFY' || error instanceof TypeError) return refuse(400, error.message);
        throw error;
      }
    }
    return refuse(404, 'POST /in/<topic>, or see README.md');
  },
};

/** Accepted means stored: the sender gets 202 once nothing can lose the message any more. */
async function receive(request, env, topic) {
  if (!/^[a-z0-9][a-z0-9.-]{0,63}$/.test(topic)) return refuse(404, 'A topic is of a-z, 0-9, "." and "-"');
  const body = await request.text();
  if (body.length > longestBody) return refuse(413, `Send ${longestBody} characters at most`);
  let data;
  try {
    data = new Webhook(env.SENDER_SECRET).verify(body, Object.fromEntries(request.headers));
  } catch (error) {
    return refuse(401, `The message cannot be verified: ${error.message}`);
  }
  // The sender's id: what it sends twice is passed on once.
  const attributes = typeof data?.type === 'string' ? { type: data.type } : {};
  const { id, duplicate } = await env.NOTIFY.publish(
    topic,
    { data },
    { id: request.headers.get('webhook-id'), attributes },
  );
  return Response.json({ id, duplicate }, { status: 202 });
}

async function administer(request, env, { area, name, searchParams }) {
  const { NOTIFY } = env;
  const cursor = searchParams.get('cursor') ?? undefined;
  switch (`${request.method} ${area}`) {
    case 'GET subscriptions':
      return NOTIFY.subscriptions.list({ topic: searchParams.get('topic') ?? undefined, cursor });
    case 'POST subscriptions': {
      const { topic, url, types } = await request.json();
      const filter = types === undefined ? undefined : { type: types };
      // The secret is told here and never again: the receiver verifies with it.
      return NOTIFY.subscribe(topic, { webhook: url, filter });
    }
    case 'DELETE subscriptions':
      return NOTIFY.unsubscribe(name);
    case 'GET deliveries':
      return NOTIFY.deliveries(name, { cursor });
    case 'GET dead-letters':
      return NOTIFY.deadLetters.list({ cursor });
    case 'POST dead-letters':
      return name === '' ? NOTIFY.deadLetters.redriveAll() : NOTIFY.deadLetters.redrive(name);
    default:
      throw new TypeError(`There is no ${request.method} /${area}`);
  }
}

function refuse(status, error) {
  return Response.json({ error }, { status });
}
