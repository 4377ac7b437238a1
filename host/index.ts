/** The package's door: `import { createHost } from 'islet'`. */
import { createHost as open } from './create-host.ts';
import type { Host, HostOptions } from './host.ts';

/**
 * Opens a host on a data directory (default `.islet`): store, deployments, cells. It serves `host.fetch` and
 * `host.invoke` at once and listens nowhere until `host.listen()`. Rejects with a HostError whose `code` and message
 * say what to do.
 */
export function createHost(options: HostOptions = {}): Promise<Host> {
  return open(options);
}

export { HostError, type ErrorCode } from '#runtime/errors.ts';
export type { GuestError, Outcome } from '#runtime/outcome.ts';
export type { Usage } from '#runtime/meter.ts';
export type { LimitName, Limits } from '#runtime/limits.ts';
export { isletMiddleware } from './http/hono.ts';
export type * from './host.ts';
