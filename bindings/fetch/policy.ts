import type { EgressPolicy, EgressRule } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Reach } from './addresses.ts';

/** Throws HostError ERR_EGRESS_REFUSED unless the policy lets this method go to this URL; addresses are another check. */
export function checkPolicy(policy: EgressPolicy, url: URL, method: string): void {
  if (policy.mode === 'open') return;
  const name = JSON.stringify(hostOf(url));
  if (policy.mode === 'off') {
    throw refuse(url, `"egress" is "off"; set it to { "allow": [${name}] } in islet.json`);
  }
  const rules = policy.allow.filter((rule) => isAt(rule, url));
  if (rules.length === 0) {
    throw refuse(url, `it is not on the list; add ${name} to egress.allow in islet.json`);
  }
  if (rules.some(({ methods }) => methods === undefined || methods.includes(method))) return;
  throw refuse(
    url,
    `${method} is not among its methods; add "${method}" to "methods" of ${name} in egress.allow of islet.json`,
  );
}

/** True when the policy names this very host, alone or with this port, as one that may be private. */
export function isGranted(policy: Pick<EgressPolicy, 'private'>, hostname: string, port: string): boolean {
  return policy.private.includes(hostname) || policy.private.includes(`${hostname}:${port}`);
}

/** The port as written or the scheme's own. */
export function portOf(url: URL): string {
  return url.port !== '' ? url.port : schemePort(url.protocol);
}

export function schemePort(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}

/** Why a connection was not made: the name resolved to nothing that may be called. */
export function refuseReach(host: string, reach: Reach, isAllowed: boolean): HostError {
  const entry = JSON.stringify(host);
  const what = `its address is ${describe(reach)}`;
  const why =
    reach === 'metadata'
      ? `${what}; only the address itself can be granted, in egress.private of islet.json`
      : isAllowed
        ? `${what}; to allow it, add "egress": { "private": [${entry}] } to islet.json`
        : `${what}, and this host lets no function call such addresses; start it without --no-private-egress`;
  return new HostError('ERR_EGRESS_REFUSED', `Cannot fetch from ${entry}: ${why}`);
}

/** `host` of an address as a manifest has it: without the scheme's own port. */
function hostOf(url: URL): string {
  return url.host;
}

function describe(reach: Reach): string {
  if (reach === 'metadata') return "the machine's metadata service";
  if (reach === 'shared') return "shared by a carrier's customers (RFC 6598)";
  return reach === 'public' ? 'not one that was looked up' : `${reach}, not public`;
}

function isAt(rule: EgressRule, url: URL): boolean {
  const port = rule.port === undefined ? schemePort(url.protocol) : String(rule.port);
  if (port !== portOf(url)) return false;
  if (!rule.host.startsWith('*.')) return rule.host === url.hostname;
  return url.hostname.endsWith(rule.host.slice(1));
}

function refuse(url: URL, reason: string): HostError {
  return new HostError('ERR_EGRESS_REFUSED', `Cannot fetch from ${JSON.stringify(url.host)}: ${reason}`);
}
