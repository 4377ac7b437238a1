import { ServiceError, type ServiceCall, type Work } from './service.ts';
import { formats, parseSettings } from './zlib-formats.ts';
import { toServiceError } from './zlib-stream.ts';

const callMs = 0.03;
/** What one answer may hold (desk.ts). */
const mostOutput = 32 * 2 ** 20;

/**
 * Compresses or decompresses all of it at once, as `gzipSync` and `gzip` of `node:zlib` do. args: [format, settings,
 * most bytes of output]. RangeError with ERR_BUFFER_TOO_LARGE beyond that, TypeError with zlib's code for malformed data.
 */
export function zlibWhole({ args, bytes }: ServiceCall): Work {
  const [name, given, most] = args;
  const format = formats.get(name);
  if (format === undefined) throw new ServiceError('NotSupportedError', 'No such compression format');
  const settings = parseSettings(given);
  const limit = typeof most === 'number' && most >= 0 && most < mostOutput ? most : mostOutput;
  return {
    cpuMs: callMs + bytes.length * format.inputMs(settings),
    async run() {
      const stream = format.open(settings);
      try {
        const parts: Uint8Array[] = [];
        let total = 0;
        stream.end(bytes);
        for await (const part of stream as AsyncIterable<Uint8Array>) {
          total += part.length;
          if (total > limit) throw tooLarge(limit);
          parts.push(part);
        }
        return { bytes: Buffer.concat(parts), cpuMs: total * format.outputMs() };
      } catch (error) {
        throw error instanceof ServiceError ? error : toServiceError(error as Error);
      } finally {
        stream.destroy();
      }
    },
  };
}

function tooLarge(limit: number): ServiceError {
  const message = `The output is larger than ${limit} bytes; use a stream`;
  return new ServiceError('RangeError', message, 'ERR_BUFFER_TOO_LARGE');
}
