import type { Answer, Attachment, Binding, Operation } from '#runtime/binding.ts';
import type { AssetsHead } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { AssetAnswer, AssetRequest } from './assets.ts';
import { parseAssetsConfig } from './config.ts';
import type { Indexes } from './indexes.ts';
import type { Parts } from './parts.ts';
import { page, respond } from './respond.ts';

export interface AssetsSource {
  readonly parts: Parts;
  readonly indexes: Indexes;
}

/**
 * The `assets` binding: static files of the function's own version. Config: none. Operation `fetch`, args { url, method?,
 * headers?: [name, value, …] }, answers { status, statusText, headers, url, redirected: false } and a body, never
 * compressed. What is no file: the fallback, the 404 page, or 404 without a body.
 */
export function createAssetsBinding(source: AssetsSource): Binding {
  return {
    kind: 'assets',
    parse: parseAssetsConfig,
    admit({ name }, { function: owner, assets }) {
      if (assets !== undefined) return;
      throw new HostError(
        'ERR_MANIFEST',
        `Cannot deploy "${owner}": binding ${name} is of kind assets and there are none; add "assets": "public"`,
      );
    },
    attach(_declaration, { function: owner, assets }): Attachment {
      return { grant: () => ({ call: (operation) => call(source, { owner, assets }, operation) }) };
    },
  };
}

interface Owned {
  readonly owner: string;
  readonly assets: AssetsHead | undefined;
}

async function call(source: AssetsSource, owned: Owned, operation: Operation): Promise<Answer> {
  const { method, args } = operation;
  if (method !== 'fetch') {
    throw new TypeError(`An assets binding has no method ${JSON.stringify(method.slice(0, 100))}; use fetch`);
  }
  const request = toRequest(args);
  const { status, headers, body } = await find(source, owned, request);
  const value = { status, statusText: '', headers, url: request.url, redirected: false };
  if (body === undefined) return { value };
  return body instanceof Uint8Array ? { value, bytes: body } : { value, stream: body };
}

async function find(
  { parts, indexes }: AssetsSource,
  { owner, assets }: Owned,
  request: AssetRequest,
): Promise<AssetAnswer> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, headers: ['allow', 'GET, HEAD'] };
  if (assets === undefined) return { status: 404, headers: [] };
  const index = await indexes.of(owner, assets);
  const answer = await (respond(index, request, parts) ?? page(index, request, parts));
  return answer ?? { status: 404, headers: [] };
}

/** Untrusted args to a request. Throws TypeError. */
function toRequest(args: unknown): AssetRequest {
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw new TypeError('Arguments for assets are not an object; send { url, … }');
  const { url, method = 'GET', headers = [] } = args as Readonly<Record<string, unknown>>;
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new TypeError('An address of an asset is no http(s) URL; use e.g. "http://localhost/logo.svg"');
  if (typeof method !== 'string') throw new TypeError('A method for assets is not a string; use GET or HEAD');
  return { method: method.toUpperCase(), url: parsed.href, headers: toHeaders(headers) };
}

/** The function passes the body on by itself: it gets files as they are. */
function toHeaders(value: unknown): readonly string[] {
  if (value === null) return [];
  const flat: readonly unknown[] = Array.isArray(value) && value.length % 2 === 0 ? value : [undefined];
  if (!flat.every((part) => typeof part === 'string'))
    throw new TypeError('Headers for assets are not a flat list; send name, value, name, value');
  const headers: string[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase();
    if (name !== 'accept-encoding') headers.push(name, flat[i + 1] ?? '');
  }
  return headers;
}
