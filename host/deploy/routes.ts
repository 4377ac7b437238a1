/**
 * Route patterns and the table that matches them. A pattern is `host/path`: the host exact or `*.` and a domain, the
 * path exact or, with a `*` at its end, a prefix. No ports, no query. Paths are compared as they stand in the request.
 */
export const routePattern: string =
  "^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*/[A-Za-z0-9!$%&'()+,\\-./:;=@_~]*\\*?$";

const routeExpression = new RegExp(routePattern);

/** The pattern with its host in lower case, or undefined when it is none. */
export function toRoute(value: string): string | undefined {
  if (!routeExpression.test(value)) return undefined;
  const slash = value.indexOf('/');
  return value.slice(0, slash).toLowerCase() + value.slice(slash);
}

interface PathRule<T> {
  readonly path: string;
  readonly prefix: boolean;
  readonly owner: T;
}

/**
 * Patterns to owners. `match` runs for every request: an exact host before a wildcard, the longer domain before the
 * shorter, then an exact path before a prefix and the longest prefix first; no expression is evaluated.
 */
export class RouteTable<T> {
  readonly #exact = new Map<string, PathRule<T>[]>();
  readonly #wildcard = new Map<string, PathRule<T>[]>();

  /** Puts the route; an earlier owner of the same pattern loses it. */
  set(route: string, owner: T): void {
    const { hosts, host, rule } = this.#place(route, owner);
    const others = (hosts.get(host) ?? []).filter((other) => !sameRule(other, rule));
    const rules = [...others, rule].sort(
      (a, b) => Number(a.prefix) - Number(b.prefix) || b.path.length - a.path.length,
    );
    hosts.set(host, rules);
  }

  /** Removes the route if it is still this owner's. */
  delete(route: string, owner: T): void {
    const { hosts, host, rule } = this.#place(route, owner);
    const rules = hosts.get(host)?.filter((other) => !sameRule(other, rule) || other.owner !== owner) ?? [];
    if (rules.length === 0) hosts.delete(host);
    else hosts.set(host, rules);
  }

  match(hostname: string, path: string): T | undefined {
    if (this.#exact.size > 0) {
      const owner = firstOf(this.#exact.get(hostname), path);
      if (owner !== undefined) return owner;
    }
    if (this.#wildcard.size === 0) return undefined;
    for (let dot = hostname.indexOf('.'); dot !== -1; dot = hostname.indexOf('.', dot + 1)) {
      const owner = firstOf(this.#wildcard.get(hostname.slice(dot + 1)), path);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  #place(route: string, owner: T): { hosts: Map<string, PathRule<T>[]>; host: string; rule: PathRule<T> } {
    const slash = route.indexOf('/');
    const wildcard = route.startsWith('*.');
    const prefix = route.endsWith('*');
    return {
      hosts: wildcard ? this.#wildcard : this.#exact,
      host: route.slice(wildcard ? 2 : 0, slash),
      rule: { path: route.slice(slash, prefix ? -1 : undefined), prefix, owner },
    };
  }
}

function sameRule(a: PathRule<unknown>, b: PathRule<unknown>): boolean {
  return a.path === b.path && a.prefix === b.prefix;
}

function firstOf<T>(rules: readonly PathRule<T>[] | undefined, path: string): T | undefined {
  if (rules === undefined) return undefined;
  for (const rule of rules) {
    if (rule.prefix ? path.startsWith(rule.path) : path === rule.path) return rule.owner;
  }
  return undefined;
}
