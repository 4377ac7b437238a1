// Handlers that do not give a Response, by path.
const answers = {
  '/nothing': () => undefined,
  '/null': () => null,
  '/text': () => 'text',
  '/number': () => 7,
  '/plain': () => ({ status: 200, headers: {}, body: 'looks like one' }),
  '/forged': () => Object.create(Response.prototype),
  '/subclass-of-nothing': () => ({ __proto__: Response.prototype, status: 200 }),
  '/used': async () => {
    const response = new Response('once');
    await response.text();
    return response;
  },
  '/twice': () => (shared ??= new Response('shared')),
  '/error-response': () => Response.error(),
  '/throws': () => {
    throw new Error('secret words');
  },
  '/throws-text': () => {
    throw 'secret words';
  },
  '/throws-nothing': () => {
    throw undefined;
  },
  '/throws-hostile': () => {
    throw {
      get name() {
        throw new Error('from the getter');
      },
      get message() {
        for (;;);
      },
    };
  },
  '/rejects': async () => {
    await null;
    throw new TypeError('secret words');
  },
  '/thenable': () => ({ then: (_done, failed) => failed(new Error('secret words')) }),
  '/never': () => new Promise(() => {}),
};
let shared;

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    return pathname === '/fine' ? new Response('fine') : answers[pathname]();
  },
};
