import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import type { EgressPolicy } from '#runtime/deployment.ts';
import { toReach } from './addresses.ts';
import type { Reach } from './addresses.ts';
import { isGranted, refuseReach, schemePort } from './policy.ts';

/** What a name leads to; rejects as dns.lookup does. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface GuardOptions {
  /** False: no manifest may grant addresses that are not public. */
  readonly allowPrivate: boolean;
  /** Default: the machine's own (getaddrinfo). */
  readonly resolve?: Resolve;
}

/** Where a connection is about to go, as undici says it. */
export interface Peer {
  /** As in the URL, IPv6 without brackets. */
  readonly hostname: string;
  readonly protocol: string;
  /** "" for the scheme's own. */
  readonly port: string;
}

/** A name that leads nowhere a function may go. */
class NoWay extends Error {
  readonly reach: Reach;

  constructor(reach: Reach) {
    super(`The address is ${reach}`);
    this.reach = reach;
  }
}

/**
 * Decides about addresses, for one policy. A name is looked up once, and what was checked is what is connected to; the
 * socket's own word is checked again, so that nothing in between goes round it.
 */
export class Guard {
  readonly #policy: Pick<EgressPolicy, 'private'>;
  readonly #allowPrivate: boolean;
  readonly #resolve: Resolve;

  constructor(policy: Pick<EgressPolicy, 'private'>, options: GuardOptions) {
    this.#policy = policy;
    this.#allowPrivate = options.allowPrivate;
    this.#resolve = options.resolve ?? ((hostname) => systemLookup(hostname, { all: true }));
  }

  /** True when the policy, and the host, let this very peer be private. */
  isGranted({ hostname, port, protocol }: Peer): boolean {
    if (!this.#allowPrivate) return false;
    return isGranted(this.#policy, inUrl(hostname), port === '' ? schemePort(protocol) : port);
  }

  /** Undefined, or the HostError ERR_EGRESS_REFUSED for a host that is an address: those are never looked up. */
  refusalOfLiteral(peer: Peer): Error | undefined {
    return isIP(peer.hostname) === 0 ? undefined : this.refusalOf(peer, peer.hostname);
  }

  /** Undefined when this peer may be at this address. */
  refusalOf(peer: Peer, address: string): Error | undefined {
    const isLiteral = isIP(peer.hostname) !== 0;
    const reach = standsAgainst(address, { isGranted: this.isGranted(peer), isLiteral });
    return reach === undefined ? undefined : refuseReach(nameOf(peer), reach, this.#allowPrivate);
  }

  /** What a failed connection is to be called: a lookup's refusal names the peer. */
  toError(peer: Peer, error: Error): Error {
    return error instanceof NoWay ? refuseReach(nameOf(peer), error.reach, this.#allowPrivate) : error;
  }

  /** For net.connect: only addresses that may be called, all of them checked before any is. */
  lookup(granted: { readonly isGranted: boolean }): LookupFunction {
    return (hostname, options, callback) => {
      void this.#lookup(hostname, granted).then(
        (addresses) => {
          if (options.all === true) return callback(null, [...addresses]);
          const [first] = addresses;
          return callback(null, first?.address ?? '', first?.family ?? 0);
        },
        (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
      );
    };
  }

  async #lookup(
    hostname: string,
    { isGranted }: { readonly isGranted: boolean },
  ): Promise<readonly ResolvedAddress[]> {
    const found = await this.#resolve(hostname);
    const against = found.map(({ address }) => standsAgainst(address, { isGranted, isLiteral: false }));
    const usable = found.filter((_, index) => against[index] === undefined);
    const [reach] = against;
    if (usable.length === 0) throw reach === undefined ? notFound(hostname) : new NoWay(reach);
    return usable;
  }
}

interface Asked {
  readonly isGranted: boolean;
  /** The host is written as an address. */
  readonly isLiteral: boolean;
}

function standsAgainst(address: string, { isGranted, isLiteral }: Asked): Reach | undefined {
  const reach = toReach(address);
  if (reach === 'public') return undefined;
  if (!isGranted) return reach;
  // A name, whose answers are somebody else's, never leads to the machine's credentials.
  return reach === 'metadata' && !isLiteral ? reach : undefined;
}

function notFound(hostname: string): Error {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
}

/** IPv6 with its brackets, as URLs and manifests have it. */
function inUrl(hostname: string): string {
  return hostname.includes(':') ? `[${hostname}]` : hostname;
}

function nameOf({ hostname, port }: Peer): string {
  return port === '' ? inUrl(hostname) : `${inUrl(hostname)}:${port}`;
}
