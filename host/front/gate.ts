import type { Caller, Identity } from '#runtime/caller.ts';
import type { AccessRule } from '#runtime/deployment.ts';
import type { RefusedReason } from '#runtime/outcome.ts';
import type { RequestCall } from '../call.ts';
import { checkerOf, type Plan } from './plan.ts';

/** What access rules make of a call. */
export type Passage =
  /** `caller` null: a rule looked and found nobody; undefined: none looked. */
  | { readonly kind: 'pass'; readonly caller: Caller | null | undefined }
  | { readonly kind: 'refuse'; readonly reason: RefusedReason; readonly detail?: string }
  /** A person with a browser: sent to where they can sign in. */
  | { readonly kind: 'redirect'; readonly location: string };

/** Asks each rule's binding whose the call is; a binding is asked once, however many rules name it. */
export async function passThrough(
  plan: Plan,
  checks: readonly AccessRule[],
  call: RequestCall,
): Promise<Passage> {
  const known: Map<string, Identity> = new Map();
  let caller: Caller | null | undefined;
  for (const rule of checks) {
    const checker = checkerOf(plan, rule.binding);
    if (checker === undefined) throw new TypeError(`binding ${rule.binding} cannot tell callers apart`);
    const identity = known.get(rule.binding) ?? (await checker.identify(call));
    known.set(rule.binding, identity);
    if (identity.kind === 'caller') {
      caller ??= identity.caller;
      if (!hasRole(identity.caller, rule)) return { kind: 'refuse', reason: 'forbidden' };
      continue;
    }
    caller ??= null;
    const location = rule.auth === 'required' ? signInFor(call, checker.signIn) : undefined;
    if (location !== undefined) return { kind: 'redirect', location };
    if (identity.kind === 'invalid')
      return { kind: 'refuse', reason: 'invalid-token', detail: identity.reason };
    if (rule.auth === 'required') return { kind: 'refuse', reason: 'unauthorized' };
  }
  return { kind: 'pass', caller };
}

/** Roles are asked of those who are somebody; where signing in is optional, of them too. */
function hasRole(caller: Caller, { roles }: AccessRule): boolean {
  return roles.length === 0 || roles.some((role) => caller.roles.includes(role));
}

/** Where a browser that asked for a page is sent; undefined for programs. */
function signInFor(
  call: RequestCall,
  signIn: ((returnTo: string) => string) | undefined,
): string | undefined {
  if (signIn === undefined || (call.method !== 'GET' && call.method !== 'HEAD')) return undefined;
  if (headerOf(call, 'authorization') !== undefined) return undefined;
  if (headerOf(call, 'accept')?.includes('text/html') !== true) return undefined;
  const prefix = prefixOf(call);
  const path = prefix + call.url.slice(pathStart(call.url));
  // Two slashes would name another host.
  return prefix + signIn(/^\/[/\\]/.test(path) ? '/' : path);
}

/** What was stripped from the call's path; nothing that would lead to another host, whoever said it. */
export function prefixOf(call: RequestCall): string {
  const prefix = headerOf(call, 'x-forwarded-prefix') ?? '';
  return /^(?:\/[\w.~@%!$&'()*+,;=:-]+)+$/.test(prefix) ? prefix : '';
}

/** The first header of this name, in lower case. */
export function headerOf({ headers }: RequestCall, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

/** Where the path of an absolute URL that has one begins. */
export function pathStart(url: string): number {
  return url.indexOf('/', url.indexOf('://') + 3);
}
