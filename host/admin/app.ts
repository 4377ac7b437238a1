import { Hono } from 'hono';
import type { Host } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { checkBearer, checkSender } from './guard.ts';
import { errorResponse } from './error-response.ts';
import { assetRoutes } from './assets.ts';
import { functionRoutes } from './functions.ts';
import { versionRoutes } from './versions.ts';
import { settingRoutes } from './settings.ts';
import { invokeRoutes } from './invoke.ts';
import { kvRoutes } from './kv.ts';
import { logRoutes } from './logs.ts';
import { observeRoutes } from './observe.ts';
import { lambdaPrefix, lambdaRoutes } from './lambda.ts';
import { openApiDocument } from './openapi.ts';

export interface AdminOptions {
  readonly host: Host;
  /** The bearer token; also the secret access key of callers that sign with SigV4. */
  readonly token: string;
  /** islet's version, as the OpenAPI document states it. */
  readonly version: string;
  /** Host names beside `localhost` and IP addresses under which the listener may be called. */
  readonly hostnames?: readonly string[];
  /** Told of errors that are not a HostError; the caller sees only `ERR_STORE`-like codes, never these. */
  readonly onInternalError?: (error: unknown) => void;
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: () => number;
}

export interface Admin {
  fetch(request: Request): Response | Promise<Response>;
  /** Method and path of every route, `:name` for a parameter; what the OpenAPI document is held to. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Tells followers of logs ERR_CLOSING and ends them; they would never finish by themselves. */
  endStreams(): void;
}

/** The admin API over a Host: every answer is JSON, a `{ error: { code, message } }` where something is wrong. */
export function createAdmin(options: AdminOptions): Admin {
  const { host, token } = options;
  const now = options.now ?? Date.now;
  const app = new Hono();
  const closing = new AbortController();

  app.use('*', async (c, next) => {
    checkSender(c.req.raw, options.hostnames ?? []);
    const open = c.req.path === '/healthz' || c.req.path.startsWith(lambdaPrefix);
    if (!open) checkBearer(c.req.raw, token);
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
  });
  app.route('/', functionRoutes(host));
  app.route('/', assetRoutes(host));
  app.route('/', versionRoutes(host));
  app.route('/', settingRoutes(host));
  app.route('/', invokeRoutes(host));
  app.route('/', kvRoutes(host));
  app.route('/', logRoutes(host, closing.signal));
  app.route('/', observeRoutes(host));
  app.route('/', lambdaRoutes(host, { token, now }));
  app.get('/openapi.json', (c) => c.json(openApiDocument(options.version)));

  app.notFound((c) =>
    errorResponse(
      new HostError(
        'ERR_NO_ROUTE',
        `Cannot ${c.req.method} ${c.req.path}: the admin API has no such route; see /openapi.json`,
      ),
    ),
  );
  app.onError((error) => {
    if (!(error instanceof HostError)) options.onInternalError?.(error);
    return errorResponse(error);
  });
  return {
    fetch: (request) => app.fetch(request),
    routes: app.routes.filter((route) => route.method !== 'ALL'),
    endStreams: () => closing.abort(),
  };
}
