import { Hono } from 'hono';
import type { Host } from '#host/host.ts';
import { bad, parseName, parseObject, parseVersion, readObject } from './input.ts';

/** Versions of a function and which of them has the traffic. */
export function versionRoutes(host: Host): Hono {
  const app = new Hono();

  app.get('/v1/functions/:name/versions', async (c) =>
    c.json({ versions: await host.versions(parseName(c.req.param('name'))) }),
  );

  app.delete('/v1/functions/:name/versions/:version', async (c) => {
    await host.delete(parseName(c.req.param('name')), parseVersion(c.req.param('version')));
    return c.body(null, 204);
  });

  app.post('/v1/functions/:name/rollback', async (c) => {
    const name = parseName(c.req.param('name'));
    const { version } = await readObject(c.req.raw, ['version']);
    return c.json(await host.rollback(name, version === undefined ? undefined : parseVersion(version)));
  });

  app.put('/v1/functions/:name/weights', async (c) => {
    const name = parseName(c.req.param('name'));
    const { weights } = await readObject(c.req.raw, ['weights']);
    return c.json(await host.setWeights(name, parseWeights(weights)));
  });
  return app;
}

/** Percent by version. */
function parseWeights(value: unknown): Record<string, number> {
  const weights: Record<string, number> = {};
  let sum = 0;
  for (const [version, percent] of Object.entries(parseObject(value, 'weights'))) {
    if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100)) {
      throw bad(
        `weights[${JSON.stringify(version)}] is ${JSON.stringify(percent)}; use a percentage, 0 to 100`,
      );
    }
    weights[String(parseVersion(version))] = percent;
    sum += percent;
  }
  if (Object.keys(weights).length > 2)
    throw bad('weights names more than two versions; name two at the most');
  if (Math.abs(sum - 100) < 1e-9) return weights;
  throw bad(`weights add up to ${sum}; they must add up to 100`);
}
