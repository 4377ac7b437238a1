import { Hono } from 'hono';
import { hashOfBlob } from '#bindings/assets/list.ts';
import type { Host } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { assetBytes } from './bounds.ts';
import { bad, parseName, readBytes, readObject } from './input.ts';

/** Of a list of hashes: 20 000 of them. */
const listBytes = 2 * 2 ** 20;
const hashPattern = /^[0-9a-f]{64}$/;

/** Static files, sent one by one before the deployment that names them. */
export function assetRoutes(host: Host): Hono {
  const app = new Hono();

  app.post('/v1/functions/:name/assets/missing', async (c) => {
    const name = parseName(c.req.param('name'));
    const { hashes } = await readObject(c.req.raw, ['hashes'], listBytes);
    if (!Array.isArray(hashes)) throw bad('hashes is not a list; send hex SHA-256 of files');
    return c.json({ missing: await host.assets.missing(name, (hashes as unknown[]).map(parseHash)) });
  });

  app.put('/v1/functions/:name/assets/:hash', async (c) => {
    const name = parseName(c.req.param('name'));
    const hash = parseHash(c.req.param('hash'));
    const bytes = await readBytes(c.req.raw, assetBytes, () => tooLarge(name));
    if (hashOfBlob(bytes) !== hash)
      throw bad(`The bytes are not those of ${hash}; send the file whose SHA-256 it is`);
    await host.assets.put(name, bytes);
    return c.body(null, 204);
  });
  return app;
}

function parseHash(value: unknown): string {
  if (typeof value === 'string' && hashPattern.test(value)) return value;
  throw bad(`Hash ${JSON.stringify(value)} is not usable; use SHA-256 in 64 lower-case hex digits`);
}

function tooLarge(name: string): HostError {
  return new HostError(
    'ERR_DEPLOY_TOO_LARGE',
    `Cannot take an asset of "${name}": it is over ${assetBytes} bytes; serve it from elsewhere`,
  );
}
