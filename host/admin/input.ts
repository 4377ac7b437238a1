import { HostError } from '#runtime/errors.ts';
import { parseFunctionName } from '#runtime/deployment.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The whole body, `most` bytes at the most; stops reading and throws what `over` makes at one byte more. */
export async function readBytes(request: Request, most: number, over: () => Error): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > most) throw over();
  if (request.body === null) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body) {
    length += piece.byteLength;
    if (length > most) throw over();
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, length);
}

/** Bytes to a JSON value; throws HostError ERR_BAD_INPUT with the parser's own words. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw bad(`Cannot read ${what} as JSON: ${(error as Error).message}; send UTF-8 JSON`, error);
  }
}

/** A JSON object body with no other keys than these; `{}` when the body is empty. */
export async function readObject(
  request: Request,
  keys: readonly string[],
  most: number = 256 * 1024,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await readBytes(request, most, () =>
    bad(`Cannot take the body: it is over ${most} bytes; send less`),
  );
  return bytes.length === 0 ? {} : parseObject(parseJson(bytes, 'the body'), 'The body', keys);
}

/** Throws HostError ERR_BAD_INPUT unless `value` is an object with no other keys than these. */
export function parseObject(
  value: unknown,
  what: string,
  keys?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`${what} is ${kindOf(value)}; send an object`);
  }
  const unknown = keys === undefined ? undefined : Object.keys(value).find((key) => !keys.includes(key));
  if (unknown === undefined) return value as Record<string, unknown>;
  throw bad(`${what} has the unknown key ${JSON.stringify(unknown)}; use ${keys?.join(', ')}`);
}

/** A function's name from the path, or HostError ERR_BAD_NAME. */
export function parseName(text: string): string {
  try {
    return parseFunctionName(text);
  } catch (error) {
    throw new HostError('ERR_BAD_NAME', (error as Error).message, { cause: error });
  }
}

/** A version number from a path, a query or a body, or HostError ERR_BAD_INPUT. */
export function parseVersion(value: unknown): number {
  const version = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 1) return version;
  throw bad(`Version ${JSON.stringify(value)} is not usable; use a number such as 3`);
}

/** `?name=` as a number of `least` or more, undefined when it is absent. */
export function parseCount(query: string | undefined, name: string, least: number): number | undefined {
  if (query === undefined) return undefined;
  const count = Number(query);
  if (/^[0-9]{1,15}$/.test(query) && count >= least) return count;
  throw bad(`?${name}=${query} is not usable; use a whole number from ${least}`);
}

/** `?name`, `?name=1` and `?name=true` are true; absent, `0` and `false` are false. */
export function parseFlag(query: string | undefined, name: string): boolean {
  if (query === undefined || query === '0' || query === 'false') return false;
  if (query === '' || query === '1' || query === 'true') return true;
  throw bad(`?${name}=${query} is not usable; use true or false`);
}

/** ERR_BAD_INPUT. */
export function bad(message: string, cause?: unknown): HostError {
  return new HostError('ERR_BAD_INPUT', message, { cause });
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
