import type { Credentials } from '#runtime/caller.ts';
import type { DeploymentHead } from '#runtime/deployment.ts';
import type { NotifyConfig } from './config.ts';

/**
 * The address of the served paths, for links in messages: the config's `url`, else the host's public one and the
 * function's name, else the one of the request at hand. A request's host is what its sender says it is: only what
 * leads to this function for sure is believed, since links carry tokens.
 */
export function toLinks(
  config: NotifyConfig,
  deployment: DeploymentHead,
  found: { readonly publicUrl?: string | undefined; readonly request?: Credentials | undefined },
): string | undefined {
  const base = config.url ?? ofHost(deployment, found.publicUrl) ?? ofRequest(deployment, found.request);
  return base === undefined ? undefined : `${base.replace(/\/+$/, '')}${config.path}`;
}

function ofHost(deployment: DeploymentHead, publicUrl: string | undefined): string | undefined {
  return publicUrl === undefined ? undefined : `${publicUrl.replace(/\/+$/, '')}/${deployment.function}`;
}

function ofRequest(deployment: DeploymentHead, request: Credentials | undefined): string | undefined {
  if (request === undefined || !URL.canParse(request.url)) return undefined;
  const url = new URL(request.url);
  if (!isOurs(deployment, url.hostname)) return undefined;
  const at = request.headers.findIndex((name, index) => index % 2 === 0 && name === 'x-forwarded-prefix');
  return url.origin + (at < 0 ? '' : (request.headers[at + 1] ?? ''));
}

function isOurs(deployment: DeploymentHead, hostname: string): boolean {
  if (/^(?:localhost|[\w.-]+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) return true;
  return deployment.routes.some((route) => route.split('/')[0]?.split(':')[0] === hostname);
}
