/** What a guest module offers, found once at the start. */
export interface Handlers {
  /** `self` is the object `fetch` was found on: the default export, or undefined for a named export. */
  readonly fetch: { readonly self: unknown; readonly call: WebHandler } | undefined;
  readonly handler: EventHandler | undefined;
  /** As sent in the S line. */
  readonly kinds: readonly string[];
}

export type WebHandler = (request: Request, env: unknown, ctx: unknown) => unknown;
export type EventHandler = (event: unknown, context: unknown, callback: unknown) => unknown;

const found = ['fetch', 'handler', 'scheduled', 'queue'] as const;

/**
 * Looks at the default export, at the default export's `default` (a CommonJS module that was ESM before), and at the
 * named exports, in that order. Reads properties of guest objects, so it may throw what their getters throw.
 */
export function findHandlers(namespace: unknown): Handlers {
  const names = namespace as Record<string, unknown>;
  const main = names['default'];
  const inner = isObject(main) ? main['default'] : undefined;
  const places = [main, inner, names];
  const kinds: string[] = ['', '', '', ''];
  const at: Record<string, { self: unknown; value: unknown }> = { __proto__: null } as never;
  let count = 0;
  for (let index = 0; index < found.length; index++) {
    const kind = found[index] ?? '';
    const place = firstWith(places, kind);
    if (place === undefined) continue;
    kinds[count++] = kind;
    at[kind] = { self: place === names ? undefined : place, value: place[kind] };
  }
  kinds.length = count;
  const { fetch, handler } = at;
  return {
    fetch: fetch === undefined ? undefined : { self: fetch.self, call: fetch.value as WebHandler },
    handler: handler?.value as EventHandler | undefined,
    kinds,
  };
}

function firstWith(places: readonly unknown[], kind: string): Record<string, unknown> | undefined {
  for (let index = 0; index < places.length; index++) {
    const place = places[index];
    if (isObject(place) && typeof place[kind] === 'function') return place;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
