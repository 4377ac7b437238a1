import { createMessage, listMessages, userOf, takeName } from './messages.js';

/** The API of a small messenger: sign-in is the host's, messages are here, and people are told by push and inbox. */
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === '/') return new Response('Sign in at /auth/sign-in, then call /api/me: see README.md\n');
    if (!pathname.startsWith('/api/')) return refuse(404, 'See README.md');
    try {
      return await answer(request, env, ctx.user);
    } catch (error) {
      // What the caller can mend has a code or is a TypeError; the rest is a failure of this function.
      if (error.code === 'ERR_NOTIFY' || error instanceof TypeError || error instanceof SyntaxError) {
        return refuse(400, error.message);
      }
      throw error;
    }
  },
};

async function answer(request, { DATA, NOTIFY }, user) {
  const [, , area, id = ''] = new URL(request.url).pathname.split('/');
  switch (`${request.method} ${area}`) {
    case 'GET me':
      return Response.json({
        id: user.id,
        email: user.email,
        preferences: await NOTIFY.preferences.get(user.id),
      });
    case 'PUT me': {
      const { name, preferences } = await request.json();
      if (name !== undefined && !(await takeName(DATA, name, user)))
        return refuse(409, 'That name is taken, or is none');
      if (preferences !== undefined) await NOTIFY.preferences.set(user.id, preferences);
      return Response.json({ name, preferences });
    }
    // What the browser's `pushManager.subscribe` gave; the key for it is at /notifications/push-key.
    case 'POST devices':
      return Response.json(await NOTIFY.contacts.add(user.id, { push: await request.json() }), {
        status: 201,
      });
    case 'GET devices':
      return Response.json(await NOTIFY.contacts.list(user.id));
    case 'DELETE devices': {
      const { items } = await NOTIFY.contacts.list(user.id);
      if (!items.some((device) => device.id === id)) return refuse(404, 'You have no such device');
      return Response.json(await NOTIFY.contacts.remove(id));
    }
    case 'GET messages':
      return Response.json({ messages: await listMessages(DATA, user) });
    case 'POST messages':
      return send(await request.json(), { DATA, NOTIFY }, user);
    // For EventSource, which cannot send headers: /notifications/inbox/stream?token=…
    case 'POST inbox-token':
      return Response.json(await NOTIFY.inboxToken(user.id, { seconds: 3600 }));
    default:
      return refuse(404, `There is no ${request.method} /api/${area}`);
  }
}

async function send({ to, text }, { DATA, NOTIFY }, user) {
  const receiver = await userOf(DATA, to);
  if (receiver === null) return refuse(404, 'Nobody goes by that name');
  const { message, problem } = await createMessage(DATA, { from: user, to: receiver, text });
  if (problem !== undefined) return refuse(400, problem);
  // Stored first, then told: who is told finds it. The id keeps a retry from telling twice.
  const told = {
    title: user.name ?? 'New message',
    text: message.text,
    url: '/',
    data: { message: message.id },
  };
  await NOTIFY.send(receiver, told, { topic: 'messages', id: message.id });
  return Response.json(message, { status: 201 });
}

function refuse(status, error) {
  return Response.json({ error }, { status });
}
