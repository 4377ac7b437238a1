import type { AccessRule } from '#runtime/deployment.ts';
import { decodePath, isPlain, otherForms } from './path-forms.ts';

/** What the rules say of an address: the rules a call has to satisfy, all of them, or that they differ about its readings. */
export type AccessDecision =
  /** `checks` is empty where nobody is asked. The first is the one that names the caller. */
  { readonly kind: 'check'; readonly checks: readonly AccessRule[] } | { readonly kind: 'ambiguous' };

interface Pattern {
  readonly rule: AccessRule;
  /** "" for a path on any address, else an exact host or `*.` and a domain. */
  readonly host: string;
  /** Without the `*`. */
  readonly path: string;
  readonly prefix: boolean;
}

/** A path with encodings that is longer is not worth reading in all its ways. */
const longest = 2048;

const open: AccessDecision = { kind: 'check', checks: [] };
const ambiguous: AccessDecision = { kind: 'ambiguous' };

/**
 * The access rules of one deployment. An exact path wins over a prefix, the longer prefix over the shorter, then an exact
 * host over a wildcard and that over none. Nobody passes by spelling: letter case and a slash at the end make no
 * difference (where they lead to other rules all of those hold), and a path whose encodings lead to other rules than it
 * does itself is refused. A rule for a host holds for its path on the built-in addresses too, since those lead to the
 * same function.
 */
export class AccessTable {
  readonly #patterns: readonly Pattern[];
  readonly #hosts: readonly string[];
  readonly #anyHost: boolean;

  /** `routes`: all of the deployment's; hosts that are in none of them are built-in addresses. */
  constructor(rules: readonly AccessRule[], routes: readonly string[]) {
    this.#patterns = rules.flatMap(toPatterns).sort(bySpecificity);
    this.#anyHost = this.#patterns.some(({ host }) => host !== '');
    const hosts = [...routes, ...rules.map(({ pattern }) => pattern)].map((pattern) => hostOf(pattern));
    this.#hosts = [...new Set(hosts)].filter((host) => host !== '');
  }

  /** `hostname` in lower case without port; `path` as the guest sees it. */
  decide(hostname: string, path: string): AccessDecision {
    const patterns = this.#patternsAt(hostname.endsWith('.') ? hostname.slice(0, -1) : hostname);
    const rules = new Set<AccessRule>();
    addRules(rules, patterns, path);
    if (patterns.length === 1 && patterns[0]?.prefix === true && patterns[0].path === '/')
      return toDecision(rules);
    if (path.length > longest && !isPlain(path)) return ambiguous;
    for (const form of otherForms(path)) {
      const before = rules.size;
      addRules(rules, patterns, form);
      // With one rule for all readings, or none that checks, there is nothing to tell apart.
      if (rules.size > before && [...rules].some(({ auth }) => auth !== 'none')) return ambiguous;
    }
    return toDecision(rules);
  }

  #patternsAt(hostname: string): readonly Pattern[] {
    if (!this.#anyHost) return this.#patterns;
    const own = this.#hosts.some((host) => hostMatches(host, hostname));
    return this.#patterns.filter(({ host }) => host === '' || !own || hostMatches(host, hostname));
  }
}

function toDecision(rules: ReadonlySet<AccessRule>): AccessDecision {
  const checks = [...rules].filter(({ auth }) => auth !== 'none');
  return checks.length === 0 ? open : { kind: 'check', checks };
}

/** Where no rule says anything. */
const unruled: AccessRule = { pattern: '', auth: 'none', binding: '', roles: [] };

/**
 * The rules for a path; and of its spellings that differ in case or the slash at the end those that are more specific:
 * where `/api/*` is checked so are `/API/x` and `/api`, and `/login` stays open where everything else is not.
 */
function addRules(rules: Set<AccessRule>, patterns: readonly Pattern[], path: string): void {
  const found = bestOf(patterns, (pattern) => covers(pattern, path));
  for (const { rule } of found) rules.add(rule);
  if (found.length === 0) rules.add(unruled);
  const folded = fold(path);
  const other = path.endsWith('/') ? folded.slice(0, -1) : `${folded}/`;
  const spelt = bestOf(patterns, (pattern) => {
    const like = { path: fold(pattern.path), prefix: pattern.prefix };
    return covers(like, folded) || covers(like, other);
  });
  const [exact] = found;
  for (const pattern of spelt) {
    if (pattern.rule.auth === 'none') continue;
    if (exact === undefined || byPath(pattern, exact) < 0) rules.add(pattern.rule);
  }
}

/** The most specific of those that are covered, and those just as specific. */
function bestOf(patterns: readonly Pattern[], covered: (pattern: Pattern) => boolean): readonly Pattern[] {
  const best = patterns.find(covered);
  if (best === undefined) return [];
  return patterns.filter((pattern) => bySpecificity(best, pattern) === 0 && covered(pattern));
}

/** Letters that are one in either case are one here. */
function fold(path: string): string {
  return path.toUpperCase().toLowerCase();
}

function covers({ path, prefix }: Pick<Pattern, 'path' | 'prefix'>, given: string): boolean {
  return prefix ? given.startsWith(path) : given === path;
}

/** The pattern, and as it reads decoded where that differs. */
function toPatterns(rule: AccessRule): readonly Pattern[] {
  const { pattern } = rule;
  const prefix = pattern.endsWith('*');
  const path = pattern.slice(pattern.indexOf('/'), prefix ? -1 : undefined);
  const host = hostOf(pattern);
  return [...new Set([path, decodePath(path)])].map((each) => ({ rule, host, path: each, prefix }));
}

function hostOf(pattern: string): string {
  return pattern.slice(0, pattern.indexOf('/')).toLowerCase();
}

function hostMatches(host: string, hostname: string): boolean {
  return host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : host === hostname;
}

/** Exact paths first, then longer ones, then exact hosts, wildcards by length, none. */
function bySpecificity(one: Pattern, other: Pattern): number {
  return byPath(one, other) || hostWeight(other.host) - hostWeight(one.host);
}

function byPath(one: Pattern, other: Pattern): number {
  if (one.prefix !== other.prefix) return one.prefix ? 1 : -1;
  return other.path.length - one.path.length;
}

function hostWeight(host: string): number {
  if (host === '') return 0;
  return host.startsWith('*.') ? host.length : Number.MAX_SAFE_INTEGER;
}
