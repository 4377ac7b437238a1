import { Hono } from 'hono';
import type { Host } from '#host/host.ts';
import { bad, parseName, parseObject, readObject } from './input.ts';

/** Secrets, whose values go in and never come out, and plain variables. */
export function settingRoutes(host: Host): Hono {
  const app = new Hono();

  app.get('/v1/functions/:name/secrets', async (c) =>
    c.json({ secrets: await host.secrets.list(parseName(c.req.param('name'))) }),
  );

  app.put('/v1/functions/:name/secrets/:key', async (c) => {
    const name = parseName(c.req.param('name'));
    const key = parseKey(c.req.param('key'));
    const { value } = await readObject(c.req.raw, ['value']);
    if (typeof value !== 'string') throw bad('value is not a string; send { "value": "…" }');
    await host.secrets.put(name, key, value);
    return c.body(null, 204);
  });

  app.delete('/v1/functions/:name/secrets/:key', async (c) => {
    await host.secrets.delete(parseName(c.req.param('name')), parseKey(c.req.param('key')));
    return c.body(null, 204);
  });

  app.get('/v1/functions/:name/vars', async (c) =>
    c.json({ vars: await host.vars.get(parseName(c.req.param('name'))) }),
  );

  app.patch('/v1/functions/:name/vars', async (c) => {
    const name = parseName(c.req.param('name'));
    const { vars } = await readObject(c.req.raw, ['vars'], 2 ** 20);
    return c.json(await host.vars.set(name, parseVars(vars)));
  });
  return app;
}

/** Names a guest can write as `env.NAME`. */
function parseKey(key: string): string {
  if (/^[A-Za-z_$][\w$]{0,127}$/.test(key)) return key;
  throw bad(`Name ${JSON.stringify(key)} is not usable; use letters, digits and "_", e.g. API_KEY`);
}

function parseVars(value: unknown): Record<string, string | null> {
  const vars: [string, string | null][] = [];
  for (const [key, text] of Object.entries(parseObject(value, 'vars'))) {
    if (typeof text !== 'string' && text !== null) {
      throw bad(`vars.${key} is not a string; send a string, or null to remove it`);
    }
    vars.push([parseKey(key), text]);
  }
  if (vars.length === 0) throw bad('vars is empty; send what to change, e.g. { "MODE": "test" }');
  return Object.fromEntries(vars);
}
