import { Hono } from 'hono';
import type { Context } from 'hono';
import type { Host } from '#host/host.ts';
import { eventStream } from './event-stream.ts';
import { parseCount, parseFlag, parseName } from './input.ts';

/** Log lines as server-sent events: `event: log`, the LogEntry as data; `event: end` after the last. */
export function logRoutes(host: Host, closing: AbortSignal): Hono {
  const app = new Hono();

  app.get('/v1/logs', (c) => answer(host, c, { closing }));

  app.get('/v1/functions/:name/logs', async (c) => {
    const name = parseName(c.req.param('name'));
    await host.versions(name);
    return answer(host, c, { closing, name });
  });
  return app;
}

function answer(
  host: Host,
  c: Context,
  { closing, name }: { readonly closing: AbortSignal; readonly name?: string },
): Response {
  const tail = parseCount(c.req.query('tail'), 'tail', 0) ?? 100;
  const follow = parseFlag(c.req.query('follow'), 'follow');
  const body = eventStream(
    'log',
    (signal) => host.logs({ tail, follow, signal, ...(name === undefined ? {} : { function: name }) }),
    closing,
  );
  return c.body(body, 200, { 'content-type': 'text/event-stream' });
}
