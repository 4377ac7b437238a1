import type { Deployment } from '#runtime/deployment.ts';

/** Where a request goes: the deployment that answers and what to strip from its path. */
export interface Target {
  readonly deployment: Deployment;
  /** Secrets, decrypted, by name; joined into env by dispatch. */
  readonly secrets: Readonly<Record<string, string>>;
}
