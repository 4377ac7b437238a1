import type { EgressHeader, EgressPolicy } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { valuePattern, withoutHeaders } from './headers.ts';
import { isGranted, portOf, schemePort } from './policy.ts';
import type { OutgoingRequest } from './request.ts';

export interface FillOptions {
  /** Of the function, for messages. */
  readonly name: string;
  readonly policy: EgressPolicy;
  /** By name, in the clear. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** `${NAME}` in a header of the manifest. */
const placeholder = /\$\{([^}]*)\}/g;

/**
 * Puts headers with secrets into requests to exactly the hosts the policy names them for, in the place of what the guest
 * sent under those names. Made for each hop anew, so that a redirect to another host carries none of them. Throws
 * HostError ERR_NO_SECRET for a secret that is not set, ERR_EGRESS_REFUSED where it would go over the network in the
 * clear.
 */
export function createFill(
  options: FillOptions,
): ((request: OutgoingRequest) => OutgoingRequest) | undefined {
  const { policy } = options;
  if (policy.headers.length === 0) return undefined;
  return (request) => {
    const { url } = request;
    const entries = policy.headers.filter((entry) => isAt(entry, url));
    if (entries.length === 0) return request;
    if (url.protocol === 'http:' && !isGranted(policy, url.hostname, portOf(url))) throw inTheClear(url);
    const names = new Set(entries.map(({ name }) => name));
    const own = withoutHeaders(request.headers, (name) => names.has(name));
    const filled = entries.flatMap((entry) => [entry.name, toValue(entry, url, options)]);
    return { ...request, headers: [...own, ...filled] };
  };
}

function isAt({ host, port }: EgressHeader, url: URL): boolean {
  return (
    host === url.hostname && (port === undefined ? schemePort(url.protocol) : String(port)) === portOf(url)
  );
}

function toValue({ name, value }: EgressHeader, url: URL, { secrets, name: owner }: FillOptions): string {
  const fail = (code: 'ERR_NO_SECRET' | 'ERR_FETCH_FAILED', reason: string): HostError =>
    new HostError(code, `Cannot fetch from ${JSON.stringify(url.host)}: ${reason}`);
  const filled = value.replace(placeholder, (_, secret: string) => {
    if (Object.hasOwn(secrets, secret)) return secrets[secret] ?? '';
    throw fail(
      'ERR_NO_SECRET',
      `its ${name} header needs the secret ${secret}; run \`islet secret put ${owner} ${secret}\``,
    );
  });
  // Fetch standard, 2.2.2: a value is normalised. A secret read from a file ends in a line feed.
  const text = filled.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (valuePattern.test(text)) return text;
  throw fail(
    'ERR_FETCH_FAILED',
    `the secret in its ${name} header has characters no header carries; use one line of Latin-1`,
  );
}

function inTheClear(url: URL): HostError {
  return new HostError(
    'ERR_EGRESS_REFUSED',
    `Cannot fetch from ${JSON.stringify(url.host)}: its headers hold secrets, which go over https: only; use https:`,
  );
}
