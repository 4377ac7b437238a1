import { Hono } from 'hono';
import type { Host, KvListOptions, KvPutOptions } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { valueBytes } from './bounds.ts';
import { bad, parseCount, parseFlag, parseJson, readBytes, readObject } from './input.ts';

/**
 * KV namespaces as an operator sees them. Values travel as they are, metadata in a header or a query; whole namespaces as
 * JSON Lines, streamed both ways.
 */
export function kvRoutes(host: Host): Hono {
  const app = new Hono();

  app.get('/v1/kv', async (c) => c.json({ namespaces: await host.kv.namespaces() }));

  app.get('/v1/kv/:namespace/keys', async (c) => {
    const { prefix, start, end, cursor } = c.req.query();
    const limit = parseCount(c.req.query('limit'), 'limit', 1);
    const options: KvListOptions = {
      ...(prefix === undefined ? {} : { prefix }),
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end }),
      ...(cursor === undefined ? {} : { cursor }),
      ...(limit === undefined ? {} : { limit }),
      reverse: parseFlag(c.req.query('reverse'), 'reverse'),
    };
    return c.json(await host.kv.list(c.req.param('namespace'), options));
  });

  app.get('/v1/kv/:namespace/values/:key', async (c) => {
    const { namespace, key } = c.req.param();
    const found = await host.kv.get(namespace, key);
    if (found === undefined) {
      throw new HostError(
        'ERR_NO_KEY',
        `Cannot get ${JSON.stringify(key)}: it is not in the namespace ${JSON.stringify(namespace)}; see its keys`,
      );
    }
    c.header('content-type', 'application/octet-stream');
    c.header('x-islet-kv-metadata', toHeader(found.metadata ?? null));
    return c.body(new Uint8Array(found.value));
  });

  app.put('/v1/kv/:namespace/values/:key', async (c) => {
    const { namespace, key } = c.req.param();
    const value = await readBytes(
      c.req.raw,
      valueBytes,
      () =>
        new HostError(
          'ERR_KV_VALUE',
          `Cannot put ${JSON.stringify(key)}: the value is over ${valueBytes} bytes`,
        ),
    );
    await host.kv.put(namespace, key, value, parsePutOptions(c.req.query()));
    return c.body(null, 204);
  });

  app.delete('/v1/kv/:namespace/values/:key', async (c) => {
    const { namespace, key } = c.req.param();
    await host.kv.delete(namespace, key);
    return c.body(null, 204);
  });

  app.get('/v1/kv/:namespace/export', (c) => {
    const { prefix } = c.req.query();
    const lines = host.kv.export(c.req.param('namespace'), prefix === undefined ? {} : { prefix });
    c.header('content-type', jsonLines);
    return c.body(toStream(lines));
  });

  app.post('/v1/kv/:namespace/import', async (c) => {
    const ifAbsent = parseFlag(c.req.query('ifAbsent'), 'ifAbsent');
    const body: AsyncIterable<Uint8Array> = c.req.raw.body ?? ReadableStream.from([]);
    return c.json(await host.kv.import(c.req.param('namespace'), body, { ifAbsent }));
  });

  app.get('/v1/kv-grants', async (c) => c.json({ grants: await host.kv.grants() }));

  app.put('/v1/kv/:namespace/grants/:cordon', async (c) => {
    const { namespace, cordon } = c.req.param();
    const { access } = await readObject(c.req.raw, ['access']);
    if (access !== 'read' && access !== 'write') {
      throw bad(`access is ${JSON.stringify(access)}; send { "access": "read" } or { "access": "write" }`);
    }
    await host.kv.grant(namespace, cordon, access);
    return c.body(null, 204);
  });

  app.delete('/v1/kv/:namespace/grants/:cordon', async (c) => {
    const { namespace, cordon } = c.req.param();
    await host.kv.revoke(namespace, cordon);
    return c.body(null, 204);
  });
  return app;
}

const jsonLines = 'application/jsonl';

/** Pulled piece by piece; a failure breaks the connection, so that nobody takes a part for the whole. */
function toStream(pieces: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return ReadableStream.from(pieces);
}

function parsePutOptions(query: Readonly<Record<string, string>>): KvPutOptions {
  const unknown = Object.keys(query).find(
    (name) => !['expiration', 'expirationTtl', 'metadata'].includes(name),
  );
  if (unknown !== undefined) throw bad(`?${unknown} is not known; use expiration, expirationTtl or metadata`);
  const expiration = parseCount(query['expiration'], 'expiration', 1);
  const expirationTtl = parseCount(query['expirationTtl'], 'expirationTtl', 1);
  const metadata = query['metadata'];
  return {
    ...(expiration === undefined ? {} : { expiration }),
    ...(expirationTtl === undefined ? {} : { expirationTtl }),
    ...(metadata === undefined ? {} : { metadata: parseJson(Buffer.from(metadata), '?metadata') }),
  };
}

/** JSON in ASCII, as a header's value must be. */
function toHeader(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
