import type { Allowance } from './allowance.ts';
import type { Limits } from './limits.ts';

/** A function's name: a DNS label, so that `<name>.localhost` works. */
export type FunctionName = string & { readonly __brand: 'FunctionName' };
/** Hex SHA-256 of code and manifest, the first 32 digits; the same input always has the same id. */
export type DeploymentId = string & { readonly __brand: 'DeploymentId' };

/** A script is one bundled ES module, no imports left; `codeCache` is V8's, made by a cell that runs no guest. */
export interface ScriptCode {
  readonly kind: 'script';
  readonly source: string;
  /** Source map (JSON text) of `source`, for stacks in logs. */
  readonly sourceMap?: string;
}

/**
 * A WebAssembly module or component, or an interpreter that is one, with the program it runs. Compiled at deploy; the
 * machine code lies in the host's code cache.
 */
export interface WasmCode {
  readonly kind: 'wasm';
  /** The module or component, binary form. */
  readonly module: Uint8Array;
  readonly program: WasmProgram;
  /** Files the guest sees, read-only, at `/app`: paths relative to it, with "/". Empty for a module alone. */
  readonly files: readonly WasmFile[];
}

export interface WasmFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What runs in an instance and how calls reach it. */
export interface WasmProgram {
  /** Read off the bytes: a component that exports wasi:http's handler, or a WASI preview 1 command. */
  readonly guest: 'component' | 'command';
  /**
   * `http`: the component's handler. `cgi`: one run per call, RFC 3875 for requests, event JSON in and result JSON out
   * for events. `events`: a resident loop, one line of JSON in and one out. `lambda`: the same with envelopes that carry
   * context, errors and operations (runtime/wasm/README.md).
   */
  readonly protocol: 'http' | 'cgi' | 'events' | 'lambda';
  /** Requests one instance of a component may answer, one after the other; 1 unless the manifest says more. */
  readonly reuse: number;
  /** argv, program name first. */
  readonly args: readonly string[];
}

export type Code = ScriptCode | WasmCode;

/** A binding as a manifest names it: `env.NAME` of this kind with this config (already parsed by its Binding). */
export interface BindingDeclaration {
  readonly name: string;
  readonly kind: string;
  readonly config: unknown;
}

/** Who may call where; checked before anything starts. */
export interface AccessRule {
  /** A path of the function, `/api/*` or `/me`, or a route, `api.example.com/*`. The most specific rule applies. */
  readonly pattern: string;
  /** `optional`: callers are told apart, and nobody is refused but those whose token does not hold. `none`: no check. */
  readonly auth: 'required' | 'optional' | 'none';
  /** Env name of the auth binding that checks. */
  readonly binding: string;
  /** The caller needs one of these; empty: no role is asked for. */
  readonly roles: readonly string[];
}

/** Where `fetch` of a guest may go. */
export interface EgressPolicy {
  readonly mode: 'off' | 'list' | 'open';
  /** For `list`: what is allowed. */
  readonly allow: readonly EgressRule[];
  /** `host` or `host:port` that may be, or resolve to, private, loopback and link-local addresses. */
  readonly private: readonly string[];
  /** Headers the host fills in from secrets; those secrets are not in the guest's env. */
  readonly headers: readonly EgressHeader[];
  /** At once, of one deployment. */
  readonly connections: number;
  /** Of one request, to the end of its answer's head, in ms. */
  readonly timeoutMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface EgressRule {
  /** Exact, or `*.` and a domain: any name below it. Lower case. */
  readonly host: string;
  /** Absent: the scheme's own. */
  readonly port?: number;
  /** Absent: all. */
  readonly methods?: readonly string[];
}

export interface EgressHeader {
  readonly host: string;
  readonly port?: number;
  /** Lower case. */
  readonly name: string;
  /** Text with `${SECRET}` in it, e.g. `Bearer ${OPENAI_KEY}`. */
  readonly value: string;
}

/** Static files of a version, answered before the function. */
export interface AssetsHead {
  /** Hex SHA-256 of the list of files: names the assets in the store. */
  readonly hash: string;
  /** Answered with 200 for paths that are neither a file nor the function's (`/index.html` as a rule). */
  readonly fallback?: string;
  /** `function`: the function is asked first, and files are only reached through a binding. Default `assets`. */
  readonly first: 'assets' | 'function';
}

/** One immutable version without its code: what the host keeps in memory for every version. */
export interface DeploymentHead {
  readonly id: DeploymentId;
  readonly function: FunctionName;
  /** 1, 2, 3 … within the function, in order of first deploy. */
  readonly version: number;
  readonly limits: Limits;
  readonly bindings: readonly BindingDeclaration[];
  /** Plain variables, seen as `env.NAME` and `process.env.NAME`. */
  readonly vars: Readonly<Record<string, string>>;
  /** Trust group; functions of different cordons never share a cell. */
  readonly cordon: string;
  /** Instances kept ready on each host. */
  readonly minWarm: number;
  /** Host/path patterns beside the built-in addresses, e.g. `api.example.com/*`. */
  readonly routes: readonly string[];
  /** Empty: everybody may call. */
  readonly access: readonly AccessRule[];
  readonly egress: EgressPolicy;
  /** Absent: nothing. */
  readonly allow?: readonly Allowance[];
  readonly assets?: AssetsHead;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** One immutable version: everything an engine needs to start an instance. */
export interface Deployment extends DeploymentHead {
  readonly code: Code;
}

const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Parses a function name or throws a TypeError that says what a name looks like. */
export function parseFunctionName(value: unknown): FunctionName {
  if (typeof value === 'string' && namePattern.test(value)) return value as FunctionName;
  throw new TypeError(
    `Function name ${JSON.stringify(value)} is not usable; use 1 to 63 of a-z, 0-9 and "-", not at either end, e.g. "my-function"`,
  );
}

/** What a manifest without `egress` gets: the whole internet, nothing private. */
export const defaultEgress: EgressPolicy = {
  mode: 'open',
  allow: [],
  private: [],
  headers: [],
  connections: 64,
  timeoutMs: 60_000,
  requestBytes: 1024 * 2 ** 20,
  responseBytes: 1024 * 2 ** 20,
};
