import type { AccessRule } from '#runtime/deployment.ts';
import { isRecord, text, toKind } from './manifest-values.ts';
import type { Path, Report } from './manifest-values.ts';
import { didYouMean } from './nearest.ts';
import { toRoute } from './routes.ts';

/** A rule as it is written: its binding may be left out. */
export interface WrittenRule extends Omit<AccessRule, 'binding'> {
  readonly binding: string | undefined;
  /** Where in the manifest. */
  readonly path: Path;
}

export interface CheckedRoutes {
  /** Addresses: host and path. */
  readonly routes: readonly string[];
  readonly rules: readonly WrittenRule[];
}

/** The pattern of what `auth` says: everything. */
export const wholePattern = '/*';

const modes = ['required', 'optional', 'none'] as const;
type Mode = (typeof modes)[number];

const authKeys: readonly string[] = ['mode', 'binding', 'roles'];
const routeKeys: readonly string[] = ['pattern', 'auth', 'binding', 'roles'];
const pathPattern = /^\/[A-Za-z0-9!$%&'()+,\-./:;=@_~]*\*?$/;
/** Segments that no path holds by the time it is compared. */
const deadPattern = /\/\/|\/\.{1,2}(?:\/|$)/;

/** `auth` of a manifest: "required", "optional", "none" or an object. */
export function checkAuth(value: unknown, report: Report): WrittenRule | undefined {
  const path = ['auth'];
  const rule = { pattern: wholePattern, path };
  if (typeof value === 'string') {
    const auth = toMode(value, path, report);
    return auth === undefined ? undefined : { ...rule, auth, binding: undefined, roles: [] };
  }
  if (!isRecord(value))
    return report(path, `auth is "required", "optional", "none" or an object, this is ${toKind(value)}`);
  refuseUnknown(value, authKeys, path, report);
  const auth = toMode(value['mode'] ?? 'required', [...path, 'mode'], report);
  return auth === undefined ? undefined : { ...rule, auth, ...checkWho(value, auth, path, report) };
}

/** `routes` of a manifest: addresses, and with objects who may call there. */
export function checkRoutes(value: unknown, report: Report): CheckedRoutes | undefined {
  if (!Array.isArray(value)) return report(['routes'], `routes is a list, this is ${toKind(value)}`);
  const routes: string[] = [];
  const rules: WrittenRule[] = [];
  const known = new Set<string>();
  for (const [index, entry] of (value as unknown[]).entries()) {
    const path = ['routes', index];
    const given = isRecord(entry) ? entry['pattern'] : entry;
    const where = isRecord(entry) ? [...path, 'pattern'] : path;
    if (text(given, where, report) === undefined) continue;
    const pattern = toPattern(String(given), isRecord(entry));
    if (pattern === undefined) {
      const example = isRecord(entry) ? '"api.example.com/*" or "/api/*"' : '"api.example.com/*"';
      report(where, `${JSON.stringify(given)} is not a route; use e.g. ${example}`);
      continue;
    }
    if (known.has(pattern)) report(where, `route "${pattern}" is given twice`);
    known.add(pattern);
    if (!pattern.startsWith('/') && !routes.includes(pattern)) routes.push(pattern);
    if (isRecord(entry)) rules.push(...checkRule(entry, pattern, path, report));
  }
  return { routes, rules };
}

function checkRule(
  entry: Readonly<Record<string, unknown>>,
  pattern: string,
  path: Path,
  report: Report,
): readonly WrittenRule[] {
  refuseUnknown(entry, routeKeys, path, report);
  const asked = ['auth', 'binding', 'roles'].some((key) => Object.hasOwn(entry, key));
  if (!asked) {
    if (pattern.startsWith('/'))
      report(path, `a path is no address of its own; say who may call there, e.g. "auth": "required"`);
    return [];
  }
  const auth = toMode(entry['auth'] ?? 'required', [...path, 'auth'], report);
  return auth === undefined ? [] : [{ pattern, path, auth, ...checkWho(entry, auth, path, report) }];
}

/** Fills in the binding where it was left out, the only one of kind "auth", and takes note of those that are none. */
export function settleRules(
  rules: readonly WrittenRule[],
  /** By env name. */
  kinds: ReadonlyMap<string, unknown>,
  report: Report,
): readonly AccessRule[] {
  const able = [...kinds].filter(([, kind]) => kind === 'auth').map(([name]) => name);
  return rules.flatMap(({ path, binding, ...rule }) => {
    if (rule.auth === 'none') return [{ ...rule, binding: '' }];
    const chosen = binding ?? able[0];
    if (chosen !== undefined && able.includes(chosen) && (binding !== undefined || able.length === 1))
      return [{ ...rule, binding: chosen }];
    report(binding === undefined ? path : [...path, 'binding'], whyNot(binding, able, kinds));
    return [];
  });
}

function whyNot(
  binding: string | undefined,
  able: readonly string[],
  kinds: ReadonlyMap<string, unknown>,
): string {
  if (able.length === 0)
    return 'callers are told apart by a binding of kind "auth", and there is none; add e.g. "AUTH": { "kind": "auth" } to bindings';
  if (binding === undefined)
    return `several bindings are of kind "auth"; name one with "binding": ${JSON.stringify(able[0])}`;
  if (kinds.has(binding))
    return `binding "${binding}" is of kind ${JSON.stringify(kinds.get(binding))}; name one of kind "auth": ${able.join(', ')}`;
  return `there is no binding "${binding}"${didYouMean(binding, able)}`;
}

/** `routes` as a manifest has them, of addresses and rules; undefined when there are none. */
export function formatRoutes(
  routes: readonly string[] | undefined,
  access: readonly AccessRule[] | undefined,
): readonly unknown[] | undefined {
  if (routes === undefined && access === undefined) return undefined;
  const rules = (access ?? []).map(({ pattern, auth, binding, roles }) => ({
    pattern,
    auth,
    ...(binding === '' ? {} : { binding }),
    ...(roles.length === 0 ? {} : { roles }),
  }));
  const ruled = new Set(rules.map(({ pattern }) => pattern));
  return [...(routes ?? []).filter((route) => !ruled.has(route)), ...rules];
}

/**
 * Rules of both manifests: one of `over` takes the place of one with the same pattern, and where `over` has routes those
 * of `base` go with theirs.
 */
export function mergeAccess<Rule extends { readonly pattern: string }>(
  base: readonly Rule[],
  over: { readonly rules: readonly Rule[]; readonly routes: boolean },
): readonly Rule[] {
  const replaced = new Set(over.rules.map(({ pattern }) => pattern));
  const kept = base.filter(
    ({ pattern }) => !replaced.has(pattern) && (!over.routes || pattern === wholePattern),
  );
  return [...kept, ...over.rules];
}

function toPattern(value: string, asRule: boolean): string | undefined {
  if (!asRule || !value.startsWith('/')) return toRoute(value);
  return pathPattern.test(value) && !deadPattern.test(value) ? value : undefined;
}

function checkWho(
  value: Readonly<Record<string, unknown>>,
  auth: Mode,
  path: Path,
  report: Report,
): { readonly binding: string | undefined; readonly roles: readonly string[] } {
  const { binding, roles = [] } = value;
  if (auth === 'none' && (binding !== undefined || Object.hasOwn(value, 'roles')))
    report(path, 'where nobody is asked there is no binding and no role; leave them out');
  const named = binding === undefined ? undefined : text(binding, [...path, 'binding'], report);
  return { binding: named, roles: checkRoles(roles, [...path, 'roles'], report) };
}

function checkRoles(value: unknown, path: Path, report: Report): readonly string[] {
  if (!Array.isArray(value)) {
    report(path, `roles is a list, e.g. ["admin"], this is ${toKind(value)}`);
    return [];
  }
  const roles = (value as unknown[]).filter((role, index) => {
    if (typeof role === 'string' && role !== '' && role.length <= 100) return true;
    report([...path, index], 'a role is a text of 1 to 100 characters');
    return false;
  });
  return [...new Set(roles as string[])];
}

function toMode(value: unknown, path: Path, report: Report): Mode | undefined {
  const mode = modes.find((each) => each === value);
  const given = typeof value === 'string' ? JSON.stringify(value) : toKind(value);
  return mode ?? report(path, `auth is "required", "optional" or "none", this is ${given}`);
}

function refuseUnknown(value: object, known: readonly string[], path: Path, report: Report): void {
  for (const key of Object.keys(value))
    if (!known.includes(key)) report([...path, key], `unknown key "${key}"${didYouMean(key, known)}`);
}
