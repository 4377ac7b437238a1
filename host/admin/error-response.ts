import { HostError } from '#runtime/errors.ts';

/**
 * The answer to a failed call: `{ error: { code, message } }` with the status of the code's row. Anything but a
 * HostError is `ERR_INTERNAL` with 500 and no detail.
 */
export function errorResponse(error: unknown): Response {
  if (error instanceof HostError) {
    const headers: Record<string, string> = {};
    if (error.code === 'ERR_UNAUTHORIZED') headers['www-authenticate'] = 'Bearer';
    if (error.code === 'ERR_CLOSING' || error.code === 'ERR_DEPLOY_BUSY') headers['retry-after'] = '1';
    return Response.json(
      { error: { code: error.code, message: error.message } },
      { status: error.status, headers },
    );
  }
  return Response.json(
    { error: { code: 'ERR_INTERNAL', message: 'The host failed at this call; its log says more' } },
    { status: 500 },
  );
}
