import {
  callCache,
  isHttp,
  matchEach,
  matchFirst,
  queryArguments,
  store,
  type Which,
} from './cache-calls.ts';
import { fetch } from './fetch.ts';
import { NativeTypeError, quote, toText } from './primordials.ts';
import {
  createDomException,
  requireArguments,
  seeRequest,
  type SeenRequest,
  seeResponse,
  type SeenResponse,
  shapeInterface,
  type TakenBody,
  takeResponse,
  toDictionary,
} from './web/index.ts';

const key: unique symbol = Symbol('Cache');

/** Service Workers, 5.4: responses by request, in the host, for this function alone. */
export class Cache {
  readonly #which: Which;

  constructor(guard: unknown = undefined, which: Which = undefined) {
    if (guard !== key) throw new NativeTypeError('Illegal constructor: use caches.open() or caches.default');
    this.#which = which;
  }

  async match(request: unknown, options: unknown = undefined): Promise<Response | undefined> {
    requireArguments(arguments.length, 1, 'Cache.match');
    return await matchFirst(this.#which, request, options);
  }

  async matchAll(request: unknown = undefined, options: unknown = undefined): Promise<Response[]> {
    return await matchEach(this.#which, request, options);
  }

  async add(request: unknown): Promise<void> {
    requireArguments(arguments.length, 1, 'Cache.add');
    await this.#addEach([request]);
  }

  async addAll(requests: unknown): Promise<void> {
    requireArguments(arguments.length, 1, 'Cache.addAll');
    await this.#addEach([...(requests as Iterable<unknown>)]);
  }

  async put(request: unknown, response: unknown): Promise<void> {
    requireArguments(arguments.length, 2, 'Cache.put');
    const which = this.#which;
    const asked = toCacheable(request);
    const seen = seeResponse(response);
    if (seen === undefined) throw new NativeTypeError('Cache.put needs a Response');
    checkResponse(seen);
    await store(which, asked, seen, takeBodyOf(response, seen));
  }

  async delete(request: unknown, options: unknown = undefined): Promise<boolean> {
    requireArguments(arguments.length, 1, 'Cache.delete');
    const args = queryArguments(this.#which, request, options);
    return args !== undefined && (await callCache('delete', args)).value === true;
  }

  async keys(request: unknown = undefined, options: unknown = undefined): Promise<readonly Request[]> {
    const args = queryArguments(this.#which, request, options);
    if (args === undefined) return [];
    const { value } = await callCache('keys', args);
    return (value as readonly { url: string; headers: readonly string[] }[]).map(
      ({ url, headers }) => new Request(url, { headers: toPairs(headers) }),
    );
  }

  /** All of them or none: what one fetch does wrong, nothing is stored of. */
  async #addEach(inputs: readonly unknown[]): Promise<void> {
    const which = this.#which;
    const requests = inputs.map(toCacheable);
    const responses = await Promise.all(inputs.map((input) => fetch(input)));
    const seen = responses.map((response) => seeResponse(response) as SeenResponse);
    for (const one of seen) {
      if (one.status < 200 || one.status > 299)
        throw new NativeTypeError(`Cannot cache ${one.url}: it answered with status ${one.status}`);
      checkResponse(one);
    }
    refuseTwins(requests, seen);
    for (const [index, response] of responses.entries()) {
      const one = seen[index] as SeenResponse;
      await store(which, requests[index] as SeenRequest, one, takeBodyOf(response, one));
    }
  }
}

/** Also of Response.error(), which can be stored though it cannot be sent. */
function takeBodyOf(response: unknown, { type }: SeenResponse): TakenBody {
  const taken = type === 'error' ? undefined : takeResponse(response);
  return taken?.body ?? { kind: 'none' };
}

function toCacheable(input: unknown): SeenRequest {
  const request = seeRequest(input);
  if (!isHttp(request.url)) throw new NativeTypeError('Only http: and https: addresses can be cached');
  if (request.method !== 'GET')
    throw new NativeTypeError(`A ${request.method} request cannot be cached; use GET`);
  return request;
}

function checkResponse({ status, headers }: SeenResponse): void {
  if (status === 206) throw new NativeTypeError('A part of a response (206) cannot be cached; put the whole');
  if (varyNames(headers).includes('*'))
    throw new NativeTypeError('A response with "vary: *" cannot be cached: it answers one request only');
}

function varyNames(headers: readonly string[]): string[] {
  return valuesOf(headers, 'vary').flatMap((value) =>
    value.split(',').map((name) => name.trim().toLowerCase()),
  );
}

function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
}

/** Service Workers, "batch cache operations": no two requests of one addAll may have the same answer. */
function refuseTwins(requests: readonly SeenRequest[], responses: readonly SeenResponse[]): void {
  requests.forEach((request, index) => {
    const names = varyNames(responses[index]?.headers ?? []);
    const twin = requests
      .slice(0, index)
      .some(
        (other) =>
          other.url === request.url &&
          names.every(
            (name) => valuesOf(other.headers, name).join() === valuesOf(request.headers, name).join(),
          ),
      );
    if (twin) throw createDomException(`Cache.addAll got ${quote(request.url)} twice`, 'InvalidStateError');
  });
}

function toPairs(headers: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < headers.length; at += 2)
    pairs.push([headers[at] as string, headers[at + 1] as string]);
  return pairs;
}

/** Service Workers, 5.5, and Workers' `default`: a cache that is there without being opened, and has no name. */
export class CacheStorage {
  readonly #default: Cache = new Cache(key);

  constructor(guard: unknown = undefined) {
    if (guard !== key) throw new NativeTypeError('Illegal constructor: use the global caches');
  }

  get default(): Cache {
    return this.#default;
  }

  async match(request: unknown, options: unknown = undefined): Promise<Response | undefined> {
    requireArguments(arguments.length, 1, 'CacheStorage.match');
    this.#check();
    const { cacheName } = toDictionary(options, 'The options of a cache');
    return await matchFirst(cacheName === undefined ? null : toText(cacheName), request, options);
  }

  async has(name: unknown): Promise<boolean> {
    return (await this.#call('has', name, arguments.length)).value === true;
  }

  async open(name: unknown): Promise<Cache> {
    const text = toText(name);
    await this.#call('open', text, arguments.length);
    return new Cache(key, text);
  }

  async delete(name: unknown): Promise<boolean> {
    return (await this.#call('drop', name, arguments.length)).value === true;
  }

  async keys(): Promise<string[]> {
    this.#check();
    return (await callCache('names', {})).value as string[];
  }

  #check(): void {
    if (!(#default in this)) throw new NativeTypeError('Illegal invocation: this is not a CacheStorage');
  }

  #call(method: string, name: unknown, given: number): ReturnType<typeof callCache> {
    requireArguments(given, 1, `CacheStorage.${method}`);
    return callCache(method, { name: quote(toText(name)) });
  }
}

shapeInterface(Cache.prototype, 'Cache');
shapeInterface(CacheStorage.prototype, 'CacheStorage');
const caches: CacheStorage = new CacheStorage(key);

/** The global `caches`. */
export function getCaches(): CacheStorage {
  return caches;
}
