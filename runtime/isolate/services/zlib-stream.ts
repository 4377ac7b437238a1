import { constants } from 'node:zlib';
import type { Resource } from './handles.ts';
import { ServiceError, type ServiceCall, type Work } from './service.ts';
import {
  formats,
  parseSettings,
  type ZlibFormat,
  type ZlibSettings,
  type ZlibStream,
} from './zlib-formats.ts';

/** Output of one answer, in bytes, give or take a chunk of zlib's: who wants more asks for it. */
const mostOutput = 128 * 1024;
const callMs = 0.03;

type Flush = 'none' | 'sync' | 'finish';

/** One stream of a guest. Its state is native memory, so it belongs to the invocation. */
class OpenStream implements Resource {
  readonly format: ZlibFormat;
  readonly settings: ZlibSettings;
  readonly #stream: ZlibStream;
  /** What was written is compressed, as far as the output is read. */
  #idle = true;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(format: ZlibFormat, settings: ZlibSettings) {
    this.format = format;
    this.settings = settings;
    this.#stream = format.open(settings);
    this.#stream.on('readable', () => this.#stir());
    this.#stream.on('end', () => {
      this.#ended = true;
      this.#stir();
    });
    this.#stream.on('error', (error: Error) => {
      this.#failure = error;
      this.#stir();
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Takes input; `read` gives what comes of it. */
  write(bytes: Uint8Array, flush: Flush): void {
    const idle = (): void => {
      this.#idle = true;
      this.#stir();
    };
    this.#idle = false;
    if (flush === 'finish') this.#stream.end(bytes);
    else if (flush === 'sync') {
      this.#stream.write(bytes);
      this.#stream.flush(constants.Z_SYNC_FLUSH, idle);
    } else this.#stream.write(bytes, idle);
  }

  /** The next output, and whether there is more of it. Rejects with zlib's error. */
  async read(): Promise<{ readonly bytes: Uint8Array; readonly more: boolean }> {
    const parts: Uint8Array[] = [];
    for (let total = 0; ;) {
      const part = this.#stream.read() as Uint8Array | null;
      if (part !== null) {
        parts.push(part);
        total += part.length;
        if (total >= mostOutput) return { bytes: Buffer.concat(parts), more: true };
      } else if (this.#failure !== undefined) throw toServiceError(this.#failure);
      else if (this.#ended || this.#idle) return { bytes: Buffer.concat(parts), more: false };
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  close(): void {
    this.#stream.destroy();
    this.#failure ??= new Error('The stream is closed');
    this.#stir();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/**
 * The next piece of a stream that is compressed or decompressed. args: [stream, format, settings, flush]; `stream` is 0
 * for a new one, else the number of before; `flush` is none, sync or finish, or null to read on. Answers [stream, more]
 * with the output: 0 when the stream is over, `more` when output is left. Malformed data is a TypeError with zlib's code.
 */
export function zlibWrite({ args, bytes, handles }: ServiceCall): Work {
  const [number, name, given, flush] = args;
  const known = handles.find(number, OpenStream);
  if (known === undefined && number !== 0)
    throw new ServiceError('TypeError', 'This stream is over, or it began in another invocation');
  const format = known?.format ?? formats.get(name);
  if (format === undefined) throw new ServiceError('NotSupportedError', 'No such compression format');
  const settings = known?.settings ?? parseSettings(given);
  const cpuMs = callMs + bytes.length * format.inputMs(settings);
  return {
    cpuMs,
    async run() {
      const stream = known ?? new OpenStream(format, settings);
      const id = known === undefined ? handles.open(stream, format.stateBytes) : (number as number);
      try {
        if (flush !== null) stream.write(bytes, flush === 'finish' || flush === 'sync' ? flush : 'none');
        const { bytes: output, more } = await stream.read();
        const over = flush === 'finish' && !more ? true : stream.ended;
        if (over) handles.close(id);
        return { value: [over ? 0 : id, more], bytes: output, cpuMs: output.length * format.outputMs() };
      } catch (error) {
        handles.close(id);
        throw error;
      }
    },
  };
}

/** Gives up a stream. args: [stream]. */
export function zlibClose({ args, handles }: ServiceCall): Work {
  return {
    cpuMs: 0,
    run() {
      if (handles.find(args[0], OpenStream) !== undefined) handles.close(args[0]);
      return {};
    },
  };
}

/** zlib's complaint as a guest sees it. */
export function toServiceError(error: Error): ServiceError {
  const { code } = error as { code?: unknown };
  const name = code === 'ERR_BUFFER_TOO_LARGE' ? 'RangeError' : 'TypeError';
  return new ServiceError(name, error.message, typeof code === 'string' ? code : undefined);
}
