import type { Invocation } from './invocation.ts';
import { operate } from './operations.ts';
import {
  NativeTypeError,
  defineProperty,
  guestJson,
  isArray,
  objectKeys,
  quote,
  quoteList,
  stringIndexOf,
  stringSlice,
  toLowerCase,
  toText,
} from './primordials.ts';
import { requestState } from './web/request.ts';

/** Verbs of a group, each with the names of what it takes by position; an object gives members by name. */
type Verbs = Readonly<Record<string, readonly string[]>>;

const groups: Readonly<Record<string, Verbs>> = {
  users: {
    list: [],
    get: ['id'],
    create: [],
    update: ['id'],
    delete: ['id'],
    setRoles: ['id', 'roles'],
    ban: ['id'],
    unban: ['id'],
    sessions: ['id'],
    revokeSessions: ['id', 'session'],
    setPassword: ['id', 'password'],
  },
  organizations: {
    list: [],
    get: ['id'],
    create: [],
    delete: ['id'],
    setMember: ['id', 'userId', 'role'],
    removeMember: ['id', 'userId'],
  },
  apiKeys: { create: ['userId'], list: ['userId'], revoke: ['id'] },
  keys: { rotate: [] },
};

/**
 * `env.NAME` of kind "auth": whose a request is, and admin work where the config allows it. The host checks everything.
 * Operations and their answers: bindings/auth/README.md.
 */
class Auth {
  readonly #invocation: Invocation;
  readonly #binding: string;

  constructor(invocation: Invocation, binding: string) {
    this.#invocation = invocation;
    this.#binding = binding;
    const names = objectKeys(groups);
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? '';
      const value = groupOf(invocation, binding, name);
      defineProperty(this, name, { value, enumerable: true });
    }
  }

  /**
   * The user a Request, or an event with headers, comes from; without one, the request that is being answered. Null when
   * it is nobody's.
   */
  async verify(request?: unknown): Promise<unknown> {
    const headers = request === undefined ? undefined : headersOf(request);
    const args = headers === undefined ? '{}' : `{"headers":${quoteList(headers)}}`;
    return (await operate(this.#invocation, { binding: this.#binding, method: 'verify', args })).value;
  }
}
defineProperty(Auth.prototype, Symbol.toStringTag, { value: 'Auth', configurable: true });

export function createAuth(invocation: Invocation, binding: string): object {
  return new Auth(invocation, binding);
}

function groupOf(invocation: Invocation, binding: string, group: string): object {
  const verbs = groups[group] ?? {};
  const object = {};
  const names = objectKeys(verbs);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? '';
    const parameters = verbs[name] ?? [];
    const value = async (...given: readonly unknown[]): Promise<unknown> =>
      (
        await operate(invocation, {
          binding,
          method: `${group}.${name}`,
          args: argumentsJson(parameters, given),
        })
      ).value;
    defineProperty(object, name, { value, enumerable: true });
  }
  return object;
}

function argumentsJson(names: readonly string[], given: readonly unknown[]): string {
  let members = '';
  for (let index = 0; index < given.length; index++) {
    const value = given[index];
    if (value === undefined || value === null) continue;
    const json = guestJson(value) ?? 'null';
    if (json[0] === '{') members += json === '{}' ? '' : `,${stringSlice(json, 1, json.length - 1)}`;
    else if (index < names.length) members += `,${quote(names[index] ?? '')}:${json}`;
    else throw new NativeTypeError('AUTH operations take their arguments by name, in an object');
  }
  return members === '' ? '{}' : `{${stringSlice(members, 1)}}`;
}

/** Flat; of an event the headers that say who it is from, and its cookies. */
function headersOf(request: unknown): readonly string[] {
  const list = requestState(request)?.list;
  if (list !== undefined) return list;
  const { headers, cookies } = (request ?? {}) as { readonly headers?: unknown; readonly cookies?: unknown };
  if (typeof headers !== 'object' || headers === null) {
    throw new NativeTypeError('AUTH verify() takes a Request, or an event with headers');
  }
  const flat: string[] = { __proto__: null, length: 0 } as never;
  let count = 0;
  const names = objectKeys(headers);
  for (let index = 0; index < names.length; index++) {
    const name = toLowerCase(names[index] ?? '');
    if (stringIndexOf(' authorization cookie x-api-key ', ` ${name} `) < 0) continue;
    flat[count++] = name;
    flat[count++] = toText((headers as Record<string, unknown>)[names[index] ?? '']);
  }
  for (let index = 0; isArray(cookies) && index < cookies.length; index++) {
    flat[count++] = 'cookie';
    flat[count++] = toText(cookies[index]);
  }
  (flat as { length: number }).length = count;
  return flat;
}
