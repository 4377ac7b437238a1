import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Allowance } from '#runtime/allowance.ts';
import type { Duplex } from 'node:stream';
import type { AccessRule } from '#runtime/deployment.ts';
import type { Limits } from '#runtime/limits.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Usage } from '#runtime/meter.ts';

/** What `createHost(options)` takes. Unknown keys are refused. */
export interface HostOptions {
  /** Data directory: store, token, keys, code cache. Default `.islet` in the working directory. */
  readonly dir?: string;
  /** `cells`: guests run in child processes (default). `none`: in this process, for trusted code and tests. */
  readonly isolation?: 'cells' | 'none';
  /** Cell processes of the default cordon; default: the number of cores. */
  readonly cells?: number;
  /** What to demand of the machine: `auto` takes what it gives, `require` fails below level L2, `off` is L1. */
  readonly sandbox?: 'auto' | 'require' | 'off';
  /** `sqlite` (default) or a path to a database file. */
  readonly store?: string;
  /** Caps over every manifest. */
  readonly caps?: Partial<Limits>;
  /** What no manifest may have under `allow`, e.g. `['eval']`. Default: nothing is forbidden. */
  readonly forbid?: readonly Allowance[];
  /** Warm instances of one cell, in bytes. Default 512 MB. */
  readonly warmBytes?: number;
  /** An instance unused for this long is disposed. Default 10 minutes. */
  readonly idleMs?: number;
  /** Spare bootstrapped isolates in each cell. Default 2. */
  readonly spares?: number;
  /** The listener stands behind a proxy that writes x-forwarded-for and x-forwarded-proto. Default false. */
  readonly trustProxy?: boolean;
  /** Mail server, `smtp://user:password@host:587` or `smtps://…`. Default: each mail is a file under `<dir>/mail`. */
  readonly smtpUrl?: string;
  /** Sender of mails that name none. Default `islet@localhost`. */
  readonly mailFrom?: string;
  /** Where people reach the gateway, for links in mails. Default: as the request at hand came. */
  readonly publicUrl?: string;
  /**
   * Whether a manifest's `egress.private` may name private, loopback and link-local addresses. Default true; false:
   * they stay refused whatever a manifest says.
   */
  readonly privateEgress?: boolean;
  /** Lines for the operator; default: nothing is printed. */
  readonly log?: (line: HostLogLine) => void;
}

export interface HostLogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly at: number;
}

export interface ListenOptions {
  /** Default 8787; 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly hostname?: string;
  /** Default 8788; 0 takes a free one; false opens no admin listener. */
  readonly adminPort?: number | false;
}

export interface Listening {
  readonly url: string;
  readonly adminUrl?: string;
}

/** A path to a file or folder, or source text with a name for it. */
export type DeploySource = string | InlineSource;

export interface InlineSource {
  /** Files by relative path, e.g. { 'index.ts': '…', 'islet.json': '…' }; text or bytes. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Which of `files` is the entry; default: manifest's main, else index.{ts,js,mjs,cjs}. */
  readonly main?: string;
  /** Static files given before by `host.assets.put`: hex SHA-256 by path, e.g. { '/logo.svg': '9f86…' }. */
  readonly assets?: Readonly<Record<string, string>>;
}

export interface DeployOptions {
  readonly name?: string;
  /** Manifest values that win over islet.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** `false` stores the version without moving traffic to it. Default true. */
  readonly activate?: boolean;
  /** Gives it up when it aborts, what is being compiled for it too; `deploy` rejects with its reason. Nothing is stored then. */
  readonly signal?: AbortSignal;
}

export interface VersionInfo {
  readonly function: string;
  readonly version: number;
  readonly id: string;
  readonly createdAt: number;
  readonly sourceBytes: number;
  /** Share of traffic in percent, 0 to 100. */
  readonly weight: number;
  /** `http://<version>--<name>.localhost:PORT/` and `/<name>@<version>/` answer from this version. */
  readonly preview: { readonly host: string; readonly path: string };
  readonly limits: Limits;
  readonly routes: readonly string[];
  readonly cordon: string;
  readonly bindings: readonly { readonly name: string; readonly kind: string }[];
  readonly vars: readonly string[];
  /** What its manifest allows; a host that forbids some of it does not give it. Absent: nothing. */
  readonly allow?: readonly Allowance[];
  /** Who may call where. Absent: everybody everywhere. */
  readonly access?: readonly AccessRule[];
  /** What will not work as it stands, e.g. a secret that is not set. */
  readonly warnings?: readonly string[];
}

export interface FunctionInfo {
  readonly name: string;
  /** Weights by version, percent; they add up to 100. */
  readonly weights: Readonly<Record<string, number>>;
  readonly routes: readonly string[];
  readonly versions: number;
  readonly updatedAt: number;
}

export interface InvokeOptions {
  readonly version?: number;
  /** JSON value AWS callers send as client context. */
  readonly clientContext?: unknown;
  readonly signal?: AbortSignal;
}

export interface InvokeResult {
  readonly outcome: Outcome;
  /** The parsed result when the outcome is `returned`. */
  readonly value?: unknown;
  readonly usage: Usage;
  readonly invocationId: string;
  readonly version: number;
  /** The invocation's own log lines, oldest first. */
  readonly logs: readonly LogEntry[];
}

export interface LogEntry {
  readonly at: number;
  readonly function: string;
  readonly version: number;
  /** UUID form; absent for lines of the top level. */
  readonly invocationId?: string;
  readonly level: 'debug' | 'log' | 'info' | 'warn' | 'error' | 'system';
  readonly message: string;
}

export interface UsageReport {
  readonly function: string;
  readonly version: number;
  readonly invocations: number;
  readonly cold: number;
  /** Count by outcome label (outcome.ts, outcomeLabel). */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Memory limit x wall clock, as Lambda bills it. */
  readonly gbSeconds: number;
  readonly peakMemoryBytes: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly operations: number;
  /** Messages that clients sent over WebSockets the function accepted. */
  readonly messagesIn: number;
  /** Messages that it sent over them. */
  readonly messagesOut: number;
}

export interface Health {
  readonly status: 'ok' | 'closing';
  readonly version: string;
  readonly uptimeMs: number;
  readonly isolation: string;
  readonly functions: number;
  readonly cells: readonly CellInfo[];
}

export interface CellInfo {
  readonly pid: number;
  readonly cordon: string;
  readonly state: 'starting' | 'ready' | 'draining';
  readonly instances: number;
  readonly spares: number;
  readonly inFlight: number;
  readonly rssBytes: number;
  readonly warmBytes: number;
  /** Evicted instances by reason: idle, full, replaced, unhealthy. */
  readonly evictions: Readonly<Record<string, number>>;
}

/** The embedded host. Everything the admin API and the CLI do goes through these. */
export interface Host {
  deploy(source: DeploySource, options?: DeployOptions): Promise<VersionInfo>;
  /** As from outside: its static files and served paths answer, its access rules hold. */
  fetch(name: string, request: Request, options?: { readonly version?: number }): Promise<Response>;
  invoke(name: string, event: unknown, options?: InvokeOptions): Promise<InvokeResult>;
  listen(options?: ListenOptions): Promise<Listening>;
  /** Stops taking calls, lets those under way finish (10 s at most), stops the cells, closes the store. */
  close(): Promise<void>;
  /** A node:http request listener that routes like the gateway. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  /**
   * For the `upgrade` event of a node:http server whose requests go to `handler`: functions may accept WebSockets. What is
   * no opening handshake is answered with an error.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

  list(): Promise<readonly FunctionInfo[]>;
  versions(name: string): Promise<readonly VersionInfo[]>;
  /** To the version given, or to the one that had the traffic before. */
  rollback(name: string, version?: number): Promise<VersionInfo>;
  /** Percent by version; must add up to 100, two versions at the most. */
  setWeights(name: string, weights: Readonly<Record<string, number>>): Promise<FunctionInfo>;
  /** The function, or one version that has no traffic. KV data stays. */
  delete(name: string, version?: number): Promise<void>;

  readonly secrets: {
    put(name: string, key: string, value: string): Promise<void>;
    list(name: string): Promise<readonly string[]>;
    delete(name: string, key: string): Promise<void>;
  };
  /** Static files sent one by one, before the deployment that names them: InlineSource.assets. */
  readonly assets: {
    /** Those of these files, hex SHA-256, that the function does not have yet. */
    missing(name: string, hashes: readonly string[]): Promise<readonly string[]>;
    /** Gives its hash. What no deployment names within an hour is deleted with the next version that is. */
    put(name: string, bytes: Uint8Array): Promise<string>;
  };
  /** Vars of the active version; a change makes a new version. */
  readonly vars: {
    get(name: string): Promise<Readonly<Record<string, string>>>;
    set(name: string, vars: Readonly<Record<string, string | null>>): Promise<VersionInfo>;
  };
  readonly kv: {
    namespaces(): Promise<readonly string[]>;
    get(namespace: string, key: string): Promise<{ value: Uint8Array; metadata: unknown } | undefined>;
    put(namespace: string, key: string, value: Uint8Array, options?: KvPutOptions): Promise<void>;
    delete(namespace: string, key: string): Promise<void>;
    list(namespace: string, options?: KvListOptions): Promise<KvListResult>;
    /** Entries as JSON Lines, `{ key, value, base64?, expiration?, metadata? }` each, in pieces of whole lines. */
    export(namespace: string, options?: { readonly prefix?: string }): AsyncIterable<Uint8Array>;
    /** The same the other way. Resolves also when a line cannot go in, and says which. */
    import(
      namespace: string,
      lines: AsyncIterable<Uint8Array>,
      options?: { readonly ifAbsent?: boolean },
    ): Promise<KvImported>;
    /** What cordons may use of each other's namespaces. */
    grants(): Promise<readonly KvGranted[]>;
    /** `to` is a cordon; replaces what it had. */
    grant(namespace: string, to: string, access: KvGranted['access']): Promise<void>;
    revoke(namespace: string, to: string): Promise<void>;
  };
  /** Lines as they come, and up to `tail` earlier ones first. */
  logs(filter: {
    readonly function?: string;
    readonly tail?: number;
    readonly follow?: boolean;
    readonly signal?: AbortSignal;
  }): AsyncIterable<LogEntry>;
  usage(name?: string): Promise<readonly UsageReport[]>;
  health(): Promise<Health>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

export interface KvPutOptions {
  readonly expiration?: number;
  readonly expirationTtl?: number;
  readonly metadata?: unknown;
}

export interface KvListOptions {
  readonly prefix?: string;
  /** The first key, and the one before which the list ends. */
  readonly start?: string;
  readonly end?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface KvListResult {
  readonly keys: readonly {
    readonly name: string;
    readonly expiration?: number;
    readonly metadata?: unknown;
  }[];
  readonly listComplete: boolean;
  readonly cursor?: string;
}

export interface KvImported {
  /** Lines that were read. */
  readonly lines: number;
  readonly written: number;
  /** Left alone because of `ifAbsent`. */
  readonly present: number;
  /** Left out because their time was over. */
  readonly expired: number;
  /** The first line that could not go in; what is before it is in. */
  readonly failed?: { readonly line: number; readonly code: string; readonly message: string };
}

export interface KvGranted {
  readonly namespace: string;
  /** The cordon that has it. */
  readonly to: string;
  /** `write` includes reading. */
  readonly access: 'read' | 'write';
}
