import { AsyncLocalStorage } from 'node:async_hooks';
import type { FunctionCaller, Origin } from '#runtime/functions.ts';
import type { AuthConfig, HookName } from './config.ts';
import { customClaims } from './callers.ts';
import type { HookAnswer } from './instance.ts';
import type { Row } from './where.ts';

/** What a hook's function is called with. */
export interface HookEvent {
  readonly type: `auth.${HookName}`;
  readonly pool: string;
  readonly user: Readonly<Record<string, unknown>>;
  readonly ip?: string;
}

export interface HookOptions {
  readonly functions: FunctionCaller | undefined;
  readonly cordon: string;
  readonly pool: string;
  readonly hooks: AuthConfig['hooks'];
  readonly now: () => number;
  readonly log: (level: 'warn' | 'error', message: string) => void;
}

/** Where a sign-up or sign-in comes from: hooks are called on its behalf. */
export interface Occasion {
  readonly origin: Origin;
  readonly ip?: string;
}

/** Longest that signing up or in waits for a hook. */
const hookMs = 5000;
const occasions = new AsyncLocalStorage<Occasion>();

/** Runs `work` on behalf of a request or a call. */
export function onOccasion<T>(occasion: Occasion, work: () => Promise<T>): Promise<T> {
  return occasions.run(occasion, work);
}

/** How a hook ended. */
export type Hooked =
  | { readonly kind: 'passed'; readonly answer: HookAnswer }
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Asks a function before or after somebody signs up or in. It answers nothing or `true` to go on, `{ claims, roles }` to
 * add, and `false` or `{ refuse: "why" }` to refuse. A hook that fails, or takes longer than 5 s, refuses.
 */
export async function askHook(name: HookName, user: Row, options: HookOptions): Promise<Hooked> {
  const called = options.hooks[name];
  if (called === undefined) return { kind: 'passed', answer: {} };
  const occasion = occasions.getStore();
  const origin = occasion?.origin ?? { depth: 0 };
  const deadline = Math.min(origin.deadline ?? Infinity, options.now() + hookMs);
  const event: HookEvent = {
    type: `auth.${name}`,
    pool: options.pool,
    user: shownUser(user),
    ...(occasion?.ip === undefined ? {} : { ip: occasion.ip }),
  };
  try {
    if (options.functions === undefined) throw new TypeError('no functions can be called here');
    const answer = await options.functions.call({ name: called, cordon: options.cordon }, event, {
      depth: origin.depth,
      deadline,
      signal: AbortSignal.timeout(hookMs),
      ...(origin.traceparent === undefined ? {} : { traceparent: origin.traceparent }),
    });
    if (answer.kind === 'failed') throw new TypeError(`${answer.code}: ${answer.message}`);
    return toHooked(answer.value);
  } catch (error) {
    options.log('error', `Hook ${name} ("${called}") of pool ${options.pool}: ${String(error)}`);
    return { kind: 'refused', message: 'This cannot be done now; try again later' };
  }
}

function toHooked(value: unknown): Hooked {
  if (value === undefined || value === null || value === true) return { kind: 'passed', answer: {} };
  if (value === false) return { kind: 'refused', message: 'This is not allowed' };
  if (typeof value !== 'object') throw new TypeError(`it answered with ${typeof value}`);
  const { refuse, claims, roles } = value as Readonly<Record<string, unknown>>;
  if (refuse !== undefined)
    return {
      kind: 'refused',
      message: typeof refuse === 'string' ? refuse.slice(0, 200) : 'This is not allowed',
    };
  return {
    kind: 'passed',
    answer: {
      ...(claims === undefined ? {} : { claims: customClaims(claims) }),
      ...(roles === undefined ? {} : { roles: parseRoles(roles) }),
    },
  };
}

const rolePattern = /^[A-Za-z0-9][\w:.-]{0,63}$/;

/** Up to 32 names. Throws TypeError for anything else. */
export function parseRoles(value: unknown): readonly string[] {
  const list = typeof value === 'string' ? [value] : value;
  if (
    Array.isArray(list) &&
    list.length <= 32 &&
    list.every((role) => typeof role === 'string' && rolePattern.test(role))
  ) {
    return list as readonly string[];
  }
  throw new TypeError('Roles are up to 32 names of A-Z, a-z, 0-9, "_", ":", "." and "-"');
}

function shownUser(user: Row): Readonly<Record<string, unknown>> {
  const { id, email, name, image, emailVerified, createdAt } = user;
  return {
    id,
    email,
    name,
    image,
    emailVerified,
    createdAt: createdAt instanceof Date ? createdAt.toISOString() : createdAt,
  };
}
