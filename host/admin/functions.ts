import { Hono } from 'hono';
import type { DeployOptions, FunctionInfo, Host, InlineSource } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { deploymentBytes } from './bounds.ts';
import { bad, parseJson, parseName, parseObject, readBytes } from './input.ts';

const mostFiles = 5_000;

/** Functions and their deployments. */
export function functionRoutes(host: Host): Hono {
  const app = new Hono();

  app.get('/v1/functions', async (c) => c.json({ functions: await host.list() }));

  app.get('/v1/functions/:name', async (c) =>
    c.json(await findFunction(host, parseName(c.req.param('name')))),
  );

  app.delete('/v1/functions/:name', async (c) => {
    await host.delete(parseName(c.req.param('name')));
    return c.body(null, 204);
  });

  app.post('/v1/functions/:name/deployments', async (c) => {
    const name = parseName(c.req.param('name'));
    const bytes = await readBytes(c.req.raw, deploymentBytes, () => tooLarge(name));
    const { source, options } = parseDeployment(parseJson(bytes, 'the deployment'));
    const { signal } = c.req.raw;
    try {
      return c.json(await host.deploy(source, { ...options, name, signal }), 201);
    } catch (error) {
      if (!signal.aborted) throw error;
      // The caller has gone; nobody hears the answer.
      return new Response(null, { status: 499 });
    }
  });
  return app;
}

/** Throws HostError ERR_NO_FUNCTION when there is none of that name. */
export async function findFunction(host: Host, name: string): Promise<FunctionInfo> {
  const found = (await host.list()).find((info) => info.name === name);
  if (found !== undefined) return found;
  throw new HostError('ERR_NO_FUNCTION', `Cannot find "${name}": no function has that name; deploy it first`);
}

/** `{ files: { path: text | { base64 } }, main?, manifest?, activate? }` to what Host.deploy takes. */
function parseDeployment(value: unknown): { source: InlineSource; options: DeployOptions } {
  const body = parseObject(value, 'The deployment', ['files', 'main', 'assets', 'manifest', 'activate']);
  const entries = Object.entries(parseObject(body['files'], 'files'));
  if (entries.length === 0) throw bad('files is empty; send at least the entry, e.g. { "index.js": "…" }');
  if (entries.length > mostFiles) throw bad(`files has ${entries.length} entries; send at most ${mostFiles}`);
  const files: [string, string | Uint8Array][] = [];
  for (const [path, content] of entries) files.push([parsePath(path), parseContent(path, content)]);

  const { main, assets, manifest, activate } = body;
  if (main !== undefined && typeof main !== 'string') throw bad('main is not a string; name one of files');
  if (main !== undefined && !Object.hasOwn(body['files'] as object, main)) {
    throw bad(`main names ${JSON.stringify(main)}, which is not among files; name one of them`);
  }
  if (activate !== undefined && typeof activate !== 'boolean') throw bad('activate is not true or false');
  return {
    source: {
      files: Object.fromEntries(files),
      ...(main === undefined ? {} : { main }),
      ...(assets === undefined ? {} : { assets: parseAssets(assets) }),
    },
    options: {
      ...(manifest === undefined ? {} : { manifest: parseObject(manifest, 'manifest') }),
      ...(activate === undefined ? {} : { activate }),
    },
  };
}

/** Hex SHA-256 by path; the host checks both. */
function parseAssets(value: unknown): Readonly<Record<string, string>> {
  const assets: [string, string][] = [];
  for (const [path, hash] of Object.entries(parseObject(value, 'assets'))) {
    if (typeof hash !== 'string')
      throw bad(`assets[${JSON.stringify(path)}] is not a string; send its SHA-256`);
    assets.push([path, hash]);
  }
  return Object.fromEntries(assets);
}

/** A relative path that stays inside: these become file names while the host bundles. */
function parsePath(path: string): string {
  const parts = path.split('/');
  const inside = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (inside && path.length <= 1024 && !/[\u0000-\u001f\\]|^[a-z]:/i.test(path)) return path;
  throw bad(`files has the path ${JSON.stringify(path)}; use relative paths such as "src/index.ts"`);
}

function parseContent(path: string, content: unknown): string | Uint8Array {
  if (typeof content === 'string') return content;
  const { base64 } = parseObject(content, `files[${JSON.stringify(path)}]`, ['base64']);
  if (typeof base64 !== 'string') throw bad(`files[${JSON.stringify(path)}].base64 is not a string`);
  try {
    return Uint8Array.fromBase64(base64);
  } catch (error) {
    throw bad(`files[${JSON.stringify(path)}].base64 is not base64: ${(error as Error).message}`, error);
  }
}

function tooLarge(name: string): HostError {
  return new HostError(
    'ERR_DEPLOY_TOO_LARGE',
    `Cannot deploy "${name}": the request is over ${deploymentBytes} bytes; send the bundled file, not its sources`,
  );
}
