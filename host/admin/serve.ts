import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { HostError } from '#runtime/errors.ts';
import { errorResponse } from './error-response.ts';
import type { Admin } from './app.ts';

export interface AdminServer {
  /** e.g. `http://127.0.0.1:8788`. */
  readonly url: string;
  readonly port: number;
  /** Stops accepting, ends log streams, waits `graceMs` (default 2 s) for calls under way. */
  close(graceMs?: number): Promise<void>;
}

/** Serves the admin API over HTTP; port 0 takes a free one. Rejects with HostError ERR_PORT_IN_USE. */
export async function serveAdmin(
  admin: Admin,
  options: { readonly port: number; readonly hostname?: string },
): Promise<AdminServer> {
  const hostname = options.hostname ?? '127.0.0.1';
  const listener = getRequestListener((request) => admin.fetch(request), {
    // The process may be a service of somebody else's; its globals stay its own.
    overrideGlobalObjects: false,
    errorHandler: () =>
      errorResponse(new HostError('ERR_BAD_REQUEST', 'Cannot read the request: it is not well-formed HTTP')),
  });
  const server = createServer((request, response) => {
    listener(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(toHostError(error, options.port)));
    server.listen(options.port, hostname, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`,
    port,
    close: (graceMs = 2_000) =>
      new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), graceMs);
        const idle = setInterval(() => server.closeIdleConnections(), 20);
        server.close(() => {
          clearTimeout(late);
          clearInterval(idle);
          resolve();
        });
        admin.endStreams();
      }),
  };
}

function toHostError(error: NodeJS.ErrnoException, port: number): unknown {
  if (error.code === 'EADDRINUSE') {
    return new HostError(
      'ERR_PORT_IN_USE',
      `Cannot open the admin API: port ${port} is in use; stop the other program or choose another with --admin-port`,
      { cause: error },
    );
  }
  if (error.code === 'EACCES') {
    return new HostError(
      'ERR_PORT_IN_USE',
      `Cannot open the admin API: this user may not use port ${port}; choose one over 1023 with --admin-port`,
      { cause: error },
    );
  }
  return error;
}
