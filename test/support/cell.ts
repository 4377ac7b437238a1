import { Cell } from '#runtime/cell.ts';
import { Channel, memoryPipes, type Pipe } from '#runtime/channel.ts';
import { Frame, longestFromCell, type CellConfig, type StartSpec } from '#runtime/frames.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';

export interface ReceivedFrame {
  /** Name in `Frame`. */
  readonly type: string;
  readonly id: number;
  readonly text: string;
  readonly bytes: Buffer;
}

/** The body of an answer that is whole, as text: within its line, or beside it. */
export function bodyOf({ text, bytes }: ReceivedFrame): string {
  const [, , kind, body] = JSON.parse(text.slice(text.indexOf('\n') + 1)) as readonly unknown[];
  return kind === 1 ? String(body) : bytes.toString();
}

const names: ReadonlyMap<number, string> = new Map(Object.entries(Frame).map(([name, type]) => [type, name]));
const sizes = { spares: 0, warmBytes: 64 * 2 ** 20, idleMs: 60_000, compiler: false, inProcess: true };

/** A cell, in this process unless another pipe is given, spoken to in frames, as the host does. */
export class CellHarness {
  readonly frames: ReceivedFrame[] = [];
  readonly #channel: Channel;
  readonly #pipe: Pipe;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Resolves when the cell is ready. */
  static async open(config: Partial<CellConfig> = {}, pipe: Pipe = pipeToOwn()): Promise<CellHarness> {
    const harness = new CellHarness(pipe);
    const { source } = await loadGuestBundle();
    const all: CellConfig = { ...sizes, ...config, cacheBytes: 0 };
    harness.send('Configure', 0, JSON.stringify(all), Buffer.from(source));
    await harness.wait('Ready', 0);
    return harness;
  }

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.#channel = new Channel(pipe, longestFromCell, {
      frame: (type, id, text, bytes) => {
        this.frames.push({ type: names.get(type) ?? String(type), id, text, bytes });
        const { resolve } = this.#wake;
        this.#wake = Promise.withResolvers();
        resolve();
      },
      turn: () => undefined,
      closed: () => undefined,
    });
  }

  close(): void {
    this.#pipe.close();
  }

  send(type: keyof typeof Frame, id: number, text: string = '', bytes?: Uint8Array): void {
    this.#channel.send(Frame[type], id, text, bytes);
  }

  load(id: number, spec: StartSpec, bytes?: Uint8Array): void {
    this.send('Load', id, JSON.stringify(spec), bytes);
  }

  /** The first frame of one of these types for `id`, now or later. */
  async wait(types: string | readonly string[], id: number): Promise<ReceivedFrame> {
    for (;;) {
      const found = this.find(types, id);
      if (found !== undefined) return found;
      await this.#wake.promise;
    }
  }

  find(types: string | readonly string[], id: number): ReceivedFrame | undefined {
    return this.frames.find((frame) => types.includes(frame.type) && frame.id === id);
  }
}

function pipeToOwn(): Pipe {
  const { near, far } = memoryPipes();
  const cell: object = new Cell(far, { exit: () => undefined });
  void cell;
  return near;
}
