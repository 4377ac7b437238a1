/** What one invocation used. Measured in the cell and, where the guest could lie, in the host. */
export interface Usage {
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Heap and external bytes of the instance, the highest sample taken during the invocation. */
  readonly peakMemoryBytes: number;
  /** True when this invocation had to start its instance. */
  readonly cold: boolean;
  /** Request body bytes. */
  readonly bytesIn: number;
  /** Response body bytes. */
  readonly bytesOut: number;
  /** Binding operations and outgoing fetches. */
  readonly operations: number;
}

export const noUsage: Usage = {
  cpuMs: 0,
  wallMs: 0,
  peakMemoryBytes: 0,
  cold: false,
  bytesIn: 0,
  bytesOut: 0,
  operations: 0,
};
