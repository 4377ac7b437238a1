import process from 'node:process';

/** RSS of a process beyond what its instances may take before it is given up. */
const slackBytes = 1024 * 2 ** 20;
const everyMs = 50;

export interface MemoryWatchOptions {
  /** What warm instances may take, in bytes. */
  readonly warmBytes: number;
  /** The process has more than they explain; called at each look from then on. */
  readonly exceeded: () => void;
}

/** The resident memory of a cell process: some guests take memory that V8 does not count. */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  #lookedAt = 0;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  /** Called every few ms while guests run. */
  look(): void {
    const now = performance.now();
    if (now - this.#lookedAt < everyMs) return;
    this.#lookedAt = now;
    const { warmBytes, exceeded } = this.#options;
    if (process.memoryUsage.rss() > warmBytes * 3 + slackBytes) exceeded();
  }
}
