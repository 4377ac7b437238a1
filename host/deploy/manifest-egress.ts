import { defaultEgress } from '#runtime/deployment.ts';
import type { EgressHeader, EgressPolicy, EgressRule } from '#runtime/deployment.ts';
import { formatPeer, parsePeer } from './manifest-peer.ts';
import type { Peer } from './manifest-peer.ts';
import { integer, isRecord, text, toKind } from './manifest-values.ts';
import type { Path, Report } from './manifest-values.ts';
import { didYouMean } from './nearest.ts';

const keys: readonly string[] = [
  'allow',
  'private',
  'headers',
  'connections',
  'timeoutMs',
  'requestBytes',
  'responseBytes',
];
const ruleKeys: readonly string[] = ['host', 'port', 'methods'];
const mostBytes = 16 * 2 ** 30;
const bounds: Readonly<
  Record<'connections' | 'timeoutMs' | 'requestBytes' | 'responseBytes', [number, number]>
> = {
  connections: [1, 1024],
  timeoutMs: [1, 900_000],
  requestBytes: [0, mostBytes],
  responseBytes: [0, mostBytes],
};
/** RFC 9110, 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const placeholders = /\$\{([A-Za-z_$][A-Za-z0-9_$]*)\}/g;
/** Fetch standard, 2.2.1. */
const forbiddenMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** What follows from the address, the body and the connection is not for a manifest to say. */
const forbiddenHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** `egress` of a manifest: "off", "open" or an object; defaults are filled in. */
export function checkEgress(value: unknown, report: Report): EgressPolicy | undefined {
  if (value === 'open') return defaultEgress;
  if (value === 'off') return { ...defaultEgress, mode: 'off' };
  if (!isRecord(value)) {
    const given = typeof value === 'string' ? JSON.stringify(value) : toKind(value);
    return report(['egress'], `egress is "off", "open" or an object, this is ${given}`);
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) report(['egress', key], `unknown key "${key}"${didYouMean(key, keys)}`);
  }
  const policy: EgressPolicy = {
    mode: Object.hasOwn(value, 'allow') ? 'list' : 'open',
    allow: checkList(value['allow'], 'allow', report).flatMap(([entry, path]) =>
      checkRule(entry, path, report),
    ),
    private: checkList(value['private'], 'private', report).flatMap(([entry, path]) => {
      const peer = checkPeer(entry, path, { report, wildcard: false });
      return peer === undefined ? [] : [formatPeer(peer)];
    }),
    headers: checkHeaders(value['headers'], report),
    connections: checkNumber(value, 'connections', report),
    timeoutMs: checkNumber(value, 'timeoutMs', report),
    requestBytes: checkNumber(value, 'requestBytes', report),
    responseBytes: checkNumber(value, 'responseBytes', report),
  };
  if (policy.mode === 'list') checkCovered(policy, report);
  return policy;
}

/** The value that `checkEgress` reads as this policy. */
export function formatEgress(policy: EgressPolicy): unknown {
  const { mode, allow, headers, ...rest } = policy;
  if (mode === 'off') return 'off';
  const hosts: Record<string, Record<string, string>> = {};
  for (const { name, value, ...peer } of headers) (hosts[formatPeer(peer)] ??= {})[name] = value;
  return { ...(mode === 'list' ? { allow } : {}), ...rest, headers: hosts };
}

/** Names of the secrets that headers are filled in from. */
export function headerSecrets({ headers }: Pick<EgressPolicy, 'headers'>): ReadonlySet<string> {
  return new Set(
    headers.flatMap(({ value }) => [...value.matchAll(placeholders)].map(([, name = '']) => name)),
  );
}

function checkNumber(value: Record<string, unknown>, key: keyof typeof bounds, report: Report): number {
  if (!Object.hasOwn(value, key)) return defaultEgress[key];
  return integer(value[key], ['egress', key], bounds[key], report) ?? defaultEgress[key];
}

function checkList(value: unknown, key: string, report: Report): readonly (readonly [unknown, Path])[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return (value as unknown[]).map((entry, at) => [entry, ['egress', key, at]]);
  report(['egress', key], `egress.${key} is a list, this is ${toKind(value)}`);
  return [];
}

interface PeerRules {
  readonly report: Report;
  /** `*.example.org` may be given. */
  readonly wildcard: boolean;
}

function checkPeer(value: unknown, path: Path, { report, wildcard }: PeerRules): Peer | undefined {
  if (typeof value !== 'string') return text(value, path, report) as undefined;
  const peer = parsePeer(value);
  if (typeof peer === 'string') return report(path, `${JSON.stringify(value)} is not a host; ${peer}`);
  if (wildcard || !peer.host.startsWith('*.')) return peer;
  return report(path, `${JSON.stringify(value)} has a wildcard; name each host here`);
}

function checkRule(value: unknown, path: Path, report: Report): readonly EgressRule[] {
  if (!isRecord(value)) {
    const peer = checkPeer(value, path, { report, wildcard: true });
    return peer === undefined ? [] : [peer];
  }
  for (const key of Object.keys(value)) {
    if (!ruleKeys.includes(key)) report([...path, key], `unknown key "${key}"${didYouMean(key, ruleKeys)}`);
  }
  if (!Object.hasOwn(value, 'host')) {
    report(path, 'an entry names a host, e.g. { "host": "api.example.com", "methods": ["GET"] }');
    return [];
  }
  const peer = checkPeer(value['host'], [...path, 'host'], { report, wildcard: true });
  if (peer === undefined) return [];
  const port = Object.hasOwn(value, 'port')
    ? integer(value['port'], [...path, 'port'], [1, 65_535], report)
    : peer.port;
  if (peer.port !== undefined && port !== peer.port) report([...path, 'port'], 'the host names another port');
  const methods = checkMethods(value['methods'], [...path, 'methods'], report);
  return [
    {
      host: peer.host,
      ...(port === undefined ? {} : { port }),
      ...(methods === undefined ? {} : { methods }),
    },
  ];
}

function checkMethods(value: unknown, path: Path, report: Report): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    return report(path, `methods is a list of at least one, e.g. ["GET"], this is ${toKind(value)}`);
  }
  const methods = new Set<string>();
  for (const [at, entry] of (value as unknown[]).entries()) {
    const method = typeof entry === 'string' ? entry.toUpperCase() : '';
    if (token.test(method) && !forbiddenMethods.has(method)) methods.add(method);
    else report([...path, at], `${JSON.stringify(entry)} is not a method of fetch; use e.g. "POST"`);
  }
  return [...methods];
}

function checkHeaders(value: unknown, report: Report): readonly EgressHeader[] {
  if (value === undefined) return [];
  const path = ['egress', 'headers'];
  if (!isRecord(value)) {
    report(path, `egress.headers is an object of hosts, this is ${toKind(value)}`);
    return [];
  }
  return Object.entries(value).flatMap(([key, entry]) => {
    const peer = checkPeer(key, [...path, key], { report, wildcard: false });
    if (isRecord(entry))
      return peer === undefined ? [] : checkHostHeaders(peer, entry, { path: [...path, key], report });
    report(
      [...path, key],
      `headers of a host are an object, e.g. { "authorization": "Bearer \${API_KEY}" }, this is ${toKind(entry)}`,
    );
    return [];
  });
}

function checkHostHeaders(
  peer: Peer,
  entry: Record<string, unknown>,
  { path, report }: { readonly path: Path; readonly report: Report },
): readonly EgressHeader[] {
  const found = new Map<string, EgressHeader>();
  for (const [key, value] of Object.entries(entry)) {
    const name = key.toLowerCase();
    const at = [...path, key];
    if (!token.test(name) || forbiddenHeaders.has(name)) {
      report(at, `${JSON.stringify(key)} is not a header that can be filled in`);
    } else if (found.has(name)) report(at, `header "${name}" is given twice`);
    else if (typeof value !== 'string') text(value, at, report);
    else if (!valuePattern.test(value)) report(at, 'a header is one line of Latin-1');
    else if (value.replaceAll(placeholders, '').includes('${')) {
      report(at, `${JSON.stringify(value)}: "\${" begins the name of a secret, e.g. "Bearer \${API_KEY}"`);
    } else found.set(name, { ...peer, name, value });
  }
  return [...found.values()];
}

/** A list is all there is: what is granted or filled in must be on it, methods and all. */
function checkCovered(policy: EgressPolicy, report: Report): void {
  const covers = ({ host, port }: Peer): boolean =>
    policy.allow.some((rule) => isWithin(rule.host, host) && (port === undefined || hasPort(rule, port)));
  for (const [at, entry] of policy.private.entries()) {
    const peer = parsePeer(entry);
    if (typeof peer === 'string' || covers(peer)) continue;
    report(['egress', 'private', at], `"${entry}" is not allowed; add it to egress.allow as well`);
  }
  for (const entry of policy.headers) {
    const host = formatPeer(entry);
    if (!covers(entry))
      report(['egress', 'headers', host], `"${host}" is not allowed; add it to egress.allow as well`);
  }
}

function isWithin(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : pattern === host;
}

/** A rule without a port is for those of http and https. */
function hasPort(rule: EgressRule, port: number): boolean {
  return rule.port === undefined ? port === 80 || port === 443 : rule.port === port;
}
