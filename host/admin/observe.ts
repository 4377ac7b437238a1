import { Hono } from 'hono';
import type { Host } from '#host/host.ts';
import { parseName } from './input.ts';

/** How the host is and what functions used. `/healthz` needs no token and says one word. */
export function observeRoutes(host: Host): Hono {
  const app = new Hono();

  app.get('/v1/usage', async (c) => {
    const name = c.req.query('function');
    return c.json({ usage: await host.usage(name === undefined ? undefined : parseName(name)) });
  });

  app.get('/v1/health', async (c) => c.json(await host.health()));

  app.get('/healthz', async (c) => {
    const { status } = await host.health();
    return c.json({ status }, status === 'ok' ? 200 : 503);
  });

  app.get('/metrics', async (c) =>
    c.body(await host.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  );
  return app;
}
