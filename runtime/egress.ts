import type { EgressPolicy } from './deployment.ts';

/** How bindings reach addresses that users choose: through the same guard as `fetch` of guests. */
export interface Egress {
  /**
   * One request, its whole answer. Redirects are answers unless `redirect` is `follow`. Rejects with HostError
   * ERR_EGRESS_REFUSED (the policy, or an address that is not public), ERR_EGRESS_LIMIT (time or size),
   * ERR_FETCH_FAILED (what the network does); TypeError for what is no request.
   */
  request(url: string, request?: EgressRequest): Promise<EgressAnswer>;
  /**
   * `fetch` of the Fetch standard under one policy, for libraries that take one. Rejects with TypeError as the standard
   * has it, with the HostError as its `cause`; an aborted signal's reason comes through as it is.
   */
  fetchUnder(policy?: EgressPolicy): typeof globalThis.fetch;
  /** Breaks off what is under way and closes the connections. */
  close(): Promise<void>;
}

export interface EgressRequest {
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** To the end of the answer. Default 10 000. */
  readonly timeoutMs?: number;
  /** Longest answer, decoded. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Default `manual`. */
  readonly redirect?: 'follow' | 'manual' | 'error';
  /** Default: the whole internet, nothing private. Its `headers` are not filled in here. */
  readonly policy?: EgressPolicy;
  readonly signal?: AbortSignal;
}

export interface EgressAnswer {
  readonly status: number;
  /** Lower-case names; several values of one name joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}
