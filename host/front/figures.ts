import type { Target } from '../registry.ts';

/** How a call ended that no instance was asked for. */
export type FrontKind = 'asset' | 'served' | 'redirected' | 'refused';

export interface FrontReport {
  readonly function: string;
  readonly version: number;
  readonly kind: FrontKind;
  readonly requests: number;
  readonly bytesOut: number;
}

/** What was answered in the place of functions: these are no invocations, and the meter does not count them. */
export class FrontFigures {
  readonly #reports: Map<string, { -readonly [K in keyof FrontReport]: FrontReport[K] }> = new Map();

  count({ deployment }: Target, kind: FrontKind, bytesOut: number): void {
    const { function: name, version } = deployment;
    const key = `${name}/${version}/${kind}`;
    const known = this.#reports.get(key);
    const report = known ?? { function: name, version, kind, requests: 0, bytesOut: 0 };
    if (known === undefined) this.#reports.set(key, report);
    report.requests++;
    report.bytesOut += bytesOut;
  }

  report(): readonly FrontReport[] {
    return [...this.#reports.values()];
  }
}
