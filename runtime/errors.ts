import type { Blame } from './outcome.ts';

export interface ErrorRow {
  /** HTTP status the admin API and the gateway answer with. */
  readonly status: number;
  readonly blame: Blame;
  /** What would work, in a few words; the message says it for the case at hand. */
  readonly remedy: string;
}

/** Permanent; add codes, never rename one. */
export type ErrorCode =
  | 'ERR_MANIFEST'
  | 'ERR_BUILD'
  | 'ERR_SOURCE_NOT_FOUND'
  | 'ERR_DEPLOY_TOO_LARGE'
  | 'ERR_DEPLOY_FAILED'
  | 'ERR_DEPLOY_BUSY'
  | 'ERR_NO_WASM'
  | 'ERR_NO_INTERPRETER'
  | 'ERR_BAD_NAME'
  | 'ERR_BAD_INPUT'
  | 'ERR_BAD_REQUEST'
  | 'ERR_UNAUTHORIZED'
  | 'ERR_NO_FUNCTION'
  | 'ERR_NO_VERSION'
  | 'ERR_NO_ROUTE'
  | 'ERR_NO_SECRET'
  | 'ERR_ROUTE_TAKEN'
  | 'ERR_CONFLICT'
  | 'ERR_VERSION_IN_USE'
  | 'ERR_NO_KEY'
  | 'ERR_KV_KEY'
  | 'ERR_KV_VALUE'
  | 'ERR_KV_METADATA'
  | 'ERR_KV_OPTION'
  | 'ERR_KV_BEHIND'
  | 'ERR_CACHE_TOO_LARGE'
  | 'ERR_CACHE_GONE'
  | 'ERR_STORE_CORRUPT'
  | 'ERR_STORE_FULL'
  | 'ERR_STORE_LOCKED'
  | 'ERR_STORE_VERSION'
  | 'ERR_STORE'
  | 'ERR_PORT_IN_USE'
  | 'ERR_DATA_DIR'
  | 'ERR_SANDBOX'
  | 'ERR_EGRESS_REFUSED'
  | 'ERR_EGRESS_LIMIT'
  | 'ERR_FETCH_FAILED'
  | 'ERR_CALL_DEPTH'
  | 'ERR_NOT_GRANTED'
  | 'ERR_AUTH'
  | 'ERR_NOTIFY'
  | 'ERR_MAIL'
  | 'ERR_CELL'
  | 'ERR_CLOSING'
  | 'ERR_UNREACHABLE';

/** Conditions a caller may handle, one row each. */
export const errorRows: Readonly<Record<ErrorCode, ErrorRow>> = {
  ERR_MANIFEST: { status: 400, blame: 'caller', remedy: 'mend islet.json as the message says' },
  ERR_BUILD: { status: 400, blame: 'caller', remedy: 'mend the source at the file and line given' },
  ERR_SOURCE_NOT_FOUND: { status: 400, blame: 'caller', remedy: 'give a file or a folder that exists' },
  ERR_DEPLOY_TOO_LARGE: {
    status: 413,
    blame: 'caller',
    remedy: 'raise limits.bundleBytes or ship less code',
  },
  ERR_DEPLOY_FAILED: { status: 400, blame: 'caller', remedy: 'mend what the top level throws' },
  ERR_DEPLOY_BUSY: { status: 503, blame: 'host', remedy: 'deploy again in a moment' },
  ERR_NO_WASM: {
    status: 501,
    blame: 'host',
    remedy: 'build the WebAssembly addon: `npm run build:native`, see `islet doctor`',
  },
  ERR_NO_INTERPRETER: {
    status: 400,
    blame: 'caller',
    remedy: 'install the npm package with the interpreter that the message names',
  },
  ERR_BAD_NAME: { status: 400, blame: 'caller', remedy: 'use a-z, 0-9 and "-"' },
  ERR_BAD_INPUT: { status: 400, blame: 'caller', remedy: 'send what the message asks for' },
  ERR_BAD_REQUEST: { status: 400, blame: 'caller', remedy: 'send well-formed HTTP' },
  ERR_UNAUTHORIZED: { status: 401, blame: 'caller', remedy: 'send the token from the data directory' },
  ERR_NO_FUNCTION: { status: 404, blame: 'caller', remedy: 'deploy it, or check the name with `islet list`' },
  ERR_NO_VERSION: { status: 404, blame: 'caller', remedy: 'check with `islet versions`' },
  ERR_NO_ROUTE: { status: 404, blame: 'caller', remedy: 'check the address' },
  ERR_NO_SECRET: { status: 404, blame: 'caller', remedy: 'check with `islet secret list`' },
  ERR_ROUTE_TAKEN: { status: 409, blame: 'caller', remedy: 'choose another route or delete its owner' },
  ERR_CONFLICT: { status: 409, blame: 'caller', remedy: 'read again, then retry' },
  ERR_VERSION_IN_USE: { status: 409, blame: 'caller', remedy: 'move traffic off the version first' },
  ERR_NO_KEY: { status: 404, blame: 'caller', remedy: 'check with `islet kv list`' },
  ERR_KV_KEY: { status: 400, blame: 'guest', remedy: 'use a key of 1 to 512 bytes' },
  ERR_KV_VALUE: {
    status: 413,
    blame: 'guest',
    remedy: 'store at most 25 MiB, and count only in whole numbers',
  },
  ERR_KV_METADATA: { status: 413, blame: 'guest', remedy: 'keep metadata within 1024 bytes of JSON' },
  ERR_KV_OPTION: { status: 400, blame: 'guest', remedy: 'use the options the KV reference lists' },
  ERR_KV_BEHIND: { status: 503, blame: 'guest', remedy: 'watch again, then list' },
  ERR_CACHE_TOO_LARGE: { status: 413, blame: 'guest', remedy: 'cache bodies of at most 32 MiB' },
  ERR_CACHE_GONE: { status: 503, blame: 'guest', remedy: 'fetch it anew' },
  ERR_STORE_CORRUPT: {
    status: 500,
    blame: 'host',
    remedy: 'restore a copy; the damaged file is left as it is',
  },
  ERR_STORE_FULL: { status: 507, blame: 'host', remedy: 'free disk space' },
  ERR_STORE_LOCKED: { status: 500, blame: 'host', remedy: 'stop the other host or use another --dir' },
  ERR_STORE_VERSION: { status: 500, blame: 'host', remedy: 'use the islet that wrote it, or a newer one' },
  ERR_STORE: { status: 500, blame: 'host', remedy: 'see the message' },
  ERR_PORT_IN_USE: { status: 500, blame: 'host', remedy: 'choose another port with --port or --admin-port' },
  ERR_DATA_DIR: { status: 500, blame: 'host', remedy: 'give a directory this user may write' },
  ERR_SANDBOX: { status: 500, blame: 'host', remedy: 'lower --sandbox, see `islet doctor`' },
  ERR_EGRESS_REFUSED: { status: 403, blame: 'guest', remedy: 'allow the address in `egress` of islet.json' },
  ERR_EGRESS_LIMIT: {
    status: 502,
    blame: 'guest',
    remedy: 'raise what the message names in `egress` of islet.json',
  },
  ERR_FETCH_FAILED: { status: 502, blame: 'guest', remedy: 'check the address' },
  ERR_CALL_DEPTH: { status: 508, blame: 'guest', remedy: 'break the loop of functions that call each other' },
  ERR_NOT_GRANTED: {
    status: 403,
    blame: 'caller',
    remedy: 'grant it with `islet kv grant`, or use one of your own',
  },
  ERR_AUTH: { status: 400, blame: 'guest', remedy: 'do what the message says' },
  ERR_NOTIFY: { status: 400, blame: 'guest', remedy: 'do what the message says' },
  ERR_MAIL: { status: 502, blame: 'host', remedy: 'check --smtp' },
  ERR_CELL: { status: 500, blame: 'host', remedy: 'see the host log' },
  ERR_CLOSING: { status: 503, blame: 'host', remedy: 'try again when the host is back' },
  ERR_UNREACHABLE: { status: 502, blame: 'caller', remedy: 'start `islet host`, or point --admin at it' },
};

/**
 * A condition a caller may handle. The message is action, then state, then what would work:
 * `Cannot deploy "shop": bundle is 11 MB, the limit is 10 MB; raise limits.bundleBytes or drop assets`.
 */
export class HostError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'HostError';
    this.code = code;
  }

  get status(): number {
    return errorRows[this.code].status;
  }

  get blame(): Blame {
    return errorRows[this.code].blame;
  }
}
