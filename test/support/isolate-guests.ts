import type { EngineGuests } from '#test/contract/engine.ts';
import type { ScriptSpec } from '#runtime/engine.ts';

const main = `
const recurse = (n) => 1 + recurse(n + 1);
const babble = () => new ReadableStream({
  pull: (controller) => controller.enqueue(new Uint8Array(4096).fill(98)),
});
const grow = () => {
  const kept = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
};
const log = () => {
  for (let i = 0; i < 100; i++) console.log('0123456789');
  return new Response('hello');
};
export default {
  async fetch(request, env) {
    switch (new URL(request.url).pathname) {
      case '/e': return new Response(request.body);
      case '/b': return new Response(babble());
      case '/l': for (;;);
      case '/t': throw new Error('boom');
      case '/r': return new Response(recurse(0));
      case '/g': return grow();
      case '/o': return log();
      case '/k': return new Response(await env.KV.get('key').catch((error) => error.message));
      default: return new Response('hello');
    }
  },
};`;

/** The guests of the engine's laws, as scripts. */
export const isolateGuests: EngineGuests<ScriptSpec> = {
  main: { source: main },
  failsAtStart: { source: `throw new Error('boom');` },
  loopsAtStart: { source: `for (;;);` },
  growsAtStart: {
    source: `const kept = []; for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));`,
  },
};
