import type { InstanceEnd, InstanceWatcher } from '#runtime/engine.ts';
import { collectAtExit } from '#runtime/isolate/collect-at-exit.ts';

interface Line {
  readonly invocation: number;
  readonly letter: string;
  readonly value: readonly unknown[];
  readonly bytes: Buffer;
}

collectAtExit();

/** What an instance says, kept; a test waits for what is still to come. */
export class Listener {
  readonly #lines: Line[] = [];
  readonly #ends: { readonly invocation: number; readonly end: InstanceEnd }[] = [];
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #lastNumber = 1000;
  /** G lines that `takeCredit` has counted. */
  #counted = 0;
  unhealthies = 0;
  readonly condemned: string[] = [];
  readonly watcher: InstanceWatcher = {
    line: (invocation, letter, json, bytes) => {
      const value = JSON.parse(json) as readonly unknown[];
      this.#lines.push({ invocation, letter, value, bytes: Buffer.from(bytes ?? []) });
      this.#stir();
    },
    answered: (invocation, json, bytes, end) => {
      this.watcher.line(invocation, 'A', json, bytes);
      this.watcher.ended(invocation, end);
    },
    ended: (invocation, end) => {
      this.#ends.push({ invocation, end });
      this.#stir();
    },
    unhealthy: () => {
      this.unhealthies++;
      this.#stir();
    },
    condemned: (why) => {
      this.condemned.push(why);
      this.#stir();
    },
  };

  /** Resolves when the instance says something more. */
  next(): Promise<void> {
    return this.#wake.promise;
  }

  /** A number no invocation has. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  async ended(invocation: number): Promise<InstanceEnd> {
    for (;;) {
      const end = this.endOf(invocation);
      if (end !== undefined) return end;
      await this.next();
    }
  }

  /** The first line of this letter, now or later. Rejects when the invocation ends without one. */
  async line(invocation: number, letter: string): Promise<readonly unknown[]> {
    for (;;) {
      const line = this.lineOf(invocation, letter);
      if (line !== undefined) return line;
      if (this.endsOf(invocation) > 0)
        throw new Error(
          `Invocation ${invocation} ended without ${letter}: ${JSON.stringify(this.#of(invocation))}`,
        );
      await this.next();
    }
  }

  endOf(invocation: number): InstanceEnd | undefined {
    return this.#ends.find((end) => end.invocation === invocation)?.end;
  }

  endsOf(invocation: number): number {
    return this.#ends.filter((end) => end.invocation === invocation).length;
  }

  lineOf(invocation: number, letter: string): readonly unknown[] | undefined {
    return this.#of(invocation).find((line) => line.letter === letter)?.value;
  }

  linesOf(invocation: number, letter: string): (readonly unknown[])[] {
    return this.#of(invocation)
      .filter((line) => line.letter === letter)
      .map((line) => line.value);
  }

  logsOf(invocation: number): unknown[] {
    return this.linesOf(invocation, 'L').map(([, text]) => text);
  }

  statusOf(invocation: number): unknown {
    return (this.lineOf(invocation, 'A') ?? this.lineOf(invocation, 'H'))?.[0];
  }

  /** The response body as far as it came. */
  bytesOf(invocation: number): Buffer {
    return Buffer.concat(
      this.#of(invocation).map(({ letter, value, bytes }) => {
        if (letter === 'C' && value[0] === 1) return bytes;
        if (letter !== 'A' && letter !== 'H') return Buffer.alloc(0);
        return value[2] === 1 ? Buffer.from(String(value[3])) : bytes;
      }),
    );
  }

  bodyOf(invocation: number): string {
    return this.bytesOf(invocation).toString();
  }

  /** Bytes the guest asked for on a stream since this was last asked. */
  takeCredit(invocation: number, stream: number): number {
    const lines = this.linesOf(invocation, 'G').filter((value) => value[0] === stream);
    const fresh = lines.slice(this.#counted);
    this.#counted = lines.length;
    return fresh.reduce((sum, value) => sum + Number(value[1]), 0);
  }

  #of(invocation: number): Line[] {
    return this.#lines.filter((line) => line.invocation === invocation);
  }

  #stir(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }
}
