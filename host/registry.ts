import type { Code, DeploymentHead, WasmProgram } from '#runtime/deployment.ts';

/** The deployment that answers a call, with what an instance of it needs to start. */
export interface Target {
  readonly deployment: DeploymentHead;
  /** Secrets, decrypted, by name; they join `vars` in the guest's env. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The function's other secrets: the host fills headers from them, and redacts them; guests never see them. */
  readonly withheld?: Readonly<Record<string, string>>;
  /** Changes with the deployment and with its secrets: instances are kept by this key. */
  readonly key: string;
  /** Names the code without reading it. Absent: a script that has no name, and is kept by its hash. */
  readonly code?: CodeHead;
  /** Reads the code from the store; rejects with HostError when the store fails. */
  readonly load: () => Promise<Code>;
}

/** What code is, and by which names it lies in caches. */
export type CodeHead =
  | { readonly kind: 'script'; readonly hash: string }
  | {
      readonly kind: 'wasm';
      /** Hex SHA-256 of the module. */
      readonly module: string;
      /** Hex name of the files seen at `/app`; absent when there are none. */
      readonly files?: string;
      readonly program: WasmProgram;
    };

/** Where a request goes. `prefix` is what to strip from the path: "" or "/name" or "/name@3". */
export interface Match {
  readonly target: Target;
  readonly prefix: string;
}

/** Names, routes and weights to targets; held in memory, changed only by deployments. */
export interface Registry {
  /**
   * `hostname`: the Host header without its port, lower case; `path`: begins with "/". A function's own routes win,
   * then `name.localhost` and `version--name.localhost`, then `/name/…` and `/name@version/…` on any other host.
   */
  match(hostname: string, path: string): Match | undefined;
  /** By name, the version drawn by weight unless one is given. Throws HostError ERR_NO_FUNCTION or ERR_NO_VERSION. */
  target(name: string, version?: number): Target;
  /** Called after the traffic of a function moved (also at its deletion, with none). Returns how to stop. */
  onChange(listener: (change: RegistryChange) => void): () => void;
  /** Every function with its targets that have traffic, for filling minWarm at the start. */
  live(): readonly RegistryChange[];
}

export interface RegistryChange {
  readonly name: string;
  /** Targets with a weight above 0 now. */
  readonly live: readonly Target[];
}
