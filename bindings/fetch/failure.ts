import { HostError } from '#runtime/errors.ts';

/** What went wrong between two machines, in a guest's words: nothing of the host's addresses, files or stacks. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused; check the port',
  ECONNRESET: 'the connection was reset; try again',
  EPIPE: 'the connection was closed; try again',
  ENOTFOUND: 'the name is not known; check its spelling',
  EAI_AGAIN: 'the name could not be looked up; try again',
  EHOSTUNREACH: 'there is no way to it; check the address',
  ENETUNREACH: 'there is no way to it; check the address',
  ETIMEDOUT: 'it did not answer in time; try again',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time; try again',
  UND_ERR_SOCKET: 'it closed the connection; try again',
  UND_ERR_HEADERS_OVERFLOW: 'its headers are too large',
  UND_ERR_INVALID_ARG: 'the request cannot be sent as it is; check method and headers',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'the body of the request has another length than it said',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its body is shorter than it said',
  UND_ERR_DESTROYED: 'the host is stopping; try again when it is back',
  UND_ERR_CLOSED: 'the host is stopping; try again when it is back',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  Z_DATA_ERROR: 'its body is not encoded as it said',
  Z_BUF_ERROR: 'its body is not encoded as it said',
};

/** A HostError ERR_FETCH_FAILED that names the host and the reason; HostErrors and TypeErrors pass unchanged. */
export function toFetchError(url: URL, error: unknown, signal: AbortSignal): HostError {
  if (error instanceof HostError) return error;
  const reason = signal.aborted ? 'the invocation is over; await it before answering' : reasonOf(error);
  return new HostError('ERR_FETCH_FAILED', `Cannot fetch from ${JSON.stringify(url.host)}: ${reason}`, {
    cause: error,
  });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  if (known !== undefined) return known;
  if (code.startsWith('HPE_')) return 'what it answered is not HTTP';
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code.includes('CERT')) return 'TLS failed';
  if (code.startsWith('ERR_') && code.includes('_FORMAT_')) return 'its body is not encoded as it said';
  return 'the connection failed; try again';
}
