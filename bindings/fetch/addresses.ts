import ipaddr from 'ipaddr.js';

/** What an address is, in a word a guest may see. */
export type Reach =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'shared'
  | 'multicast'
  | 'unspecified'
  | 'reserved'
  | 'metadata';

/**
 * Where clouds answer with credentials, and platforms with keys: AWS, Google Cloud, Azure and most others; AWS and
 * Google over IPv6; Alibaba; Azure's platform; Oracle.
 */
const metadata: ReadonlySet<string> = new Set(
  [
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fe80::a9fe:a9fe',
  ].map((address) => ipaddr.parse(address).toNormalizedString()),
);

/** Ranges by what they are; a range not named here is reserved for something that is no server of the internet. */
const reaches: Readonly<Record<string, Reach>> = {
  loopback: 'loopback',
  private: 'private',
  uniqueLocal: 'private',
  deprecatedSiteLocal: 'private',
  linkLocal: 'link-local',
  carrierGradeNat: 'shared',
  multicast: 'multicast',
  broadcast: 'multicast',
  unspecified: 'unspecified',
};

type Address = ReturnType<typeof ipaddr.parse>;

/**
 * What is at this address (IANA's special-purpose registries, RFC 6890). IPv4 within IPv6 is what the IPv4 address is:
 * mapped (RFC 4291) and NAT64's well-known prefix (RFC 6052), which IPv6-only networks need. 6to4, Teredo, local NAT64
 * and IPv4-compatible addresses are reserved, whatever is in them. What is no address is reserved too.
 */
export function toReach(text: string): Reach {
  const bare = text.replace(/%.*$/, '');
  // What RFC 4291 deprecates, the library reads as mapped.
  if (!ipaddr.isValid(bare) || /^(?:0*:)*:\d+\./.test(bare)) return 'reserved';
  const address = withinIpv4(ipaddr.parse(bare));
  if (metadata.has(address.toNormalizedString())) return 'metadata';
  const range = address.range();
  if (range === 'unicast') return isGlobal(address) ? 'public' : 'reserved';
  return reaches[range] ?? 'reserved';
}

function withinIpv4(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const bytes = address.toByteArray();
  const isNat64 = address.match(ipaddr.IPv6.parse('64:ff9b::'), 96);
  return isNat64 ? ipaddr.fromByteArray(bytes.slice(12)) : address;
}

/** IPv6 unicast is global in 2000::/3 only (RFC 4291, 2.4; IANA has given out nothing else). */
function isGlobal(address: Address): boolean {
  return !(address instanceof ipaddr.IPv6) || address.match(ipaddr.IPv6.parse('2000::'), 3);
}
