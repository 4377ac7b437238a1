import t from 'tap';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { engineContract } from '#test/contract/engine.ts';

const bundle = await loadGuestBundle();

engineContract(t, async () => new IsolateEngine({ bundle, spares: 1, beat: () => undefined }), {
  hello: `export default { fetch: () => new Response('hello') };`,
  loops: `export default { fetch(request) {
    if (request.url.endsWith('/loop')) for (;;);
    return new Response('hello');
  } };`,
  throwsAtStart: `throw new Error('boom');`,
  loopsAtStart: `for (;;);`,
});
