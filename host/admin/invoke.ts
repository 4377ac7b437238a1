import { Hono } from 'hono';
import type { Host, InvokeResult } from '#host/host.ts';
import { eventBytes } from './bounds.ts';
import { bad, parseJson, parseName, parseVersion, readBytes } from './input.ts';

/** An event straight to a handler. The answer is 200 whatever the outcome: `outcome` says how it ended. */
export function invokeRoutes(host: Host): Hono {
  const app = new Hono();

  app.post('/v1/functions/:name/invoke', async (c) => {
    const name = parseName(c.req.param('name'));
    const version = c.req.query('version');
    const bytes = await readBytes(c.req.raw, eventBytes, () =>
      bad(`Cannot invoke "${name}": the event is over ${eventBytes} bytes; send less`),
    );
    const event = bytes.length === 0 ? {} : parseJson(bytes, 'the event');
    const result = await host.invoke(name, event, {
      signal: c.req.raw.signal,
      ...(version === undefined ? {} : { version: parseVersion(version) }),
    });
    return c.json(toBody(result));
  });
  return app;
}

/** The result once: the outcome's own copy of a returned value is JSON text, `value` is the value. */
function toBody(result: InvokeResult): object {
  if (result.outcome.kind !== 'returned') return result;
  return { ...result, outcome: { kind: 'returned' }, value: result.value ?? null };
}
