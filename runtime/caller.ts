/** Who a request comes from, as an auth binding found out: `ctx.user`, `requestContext.authorizer`. Plain JSON. */
export interface Caller {
  /** Stable and unique within the user pool. */
  readonly id: string;
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly name?: string;
  readonly roles: readonly string[];
  /** The organisation the session is in, when there is one. */
  readonly organization?: { readonly id: string; readonly role: string };
  /** The token's own claims (RFC 7519), custom ones included; empty for sessions and API keys without any. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What the door needs to know of a request to say whose it is. Names of headers are in lower case. */
export interface Credentials {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Flat: name, value, name, value. */
  readonly headers: readonly string[];
}

/**
 * Whose a request is. `anonymous`: it says nothing, or has the cookie of a session that is over; `invalid`: the token it
 * was given on purpose does not hold (RFC 6750, 3.1), for the reason named: a few words that the caller reads.
 */
export type Identity =
  | { readonly kind: 'caller'; readonly caller: Caller }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'invalid'; readonly reason: string };
