/** Seals what must not lie in the store in the clear, under the data directory's key (host/deploy/vault.ts). */
export interface Sealer {
  /** `name` is authenticated: what was sealed under one opens under no other. */
  seal(name: string, value: string): Uint8Array;
  /** Throws HostError ERR_DATA_DIR when the bytes were not sealed by this key under this name. */
  open(name: string, sealed: Uint8Array): string;
}
