/** `env.NAME` of kind "function": another function, reached without HTTP. */
export interface Service {
  /** A path alone is one of the function's. Redirects are given back, not followed. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** What its event handler returns; rejects with what it throws. */
  call<Result = unknown>(event?: unknown): Promise<Result>;
}

/** `env.NAME` of kind "assets": static files of this version. */
export interface Assets {
  /** The path of the address counts; 404 where there is no such file. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}

/** A binding of a kind that has no facade of its own. */
export interface Capability {
  call(method: string, args?: unknown): Promise<unknown>;
}
