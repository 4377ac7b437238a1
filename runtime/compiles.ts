import { compileCache } from './isolate/bootstrap.ts';
import { makeBundleCache } from './isolate/bundle-cache.ts';

/** Sources up to this size are compiled whole; of larger ones most is never called, and reading it costs. */
const eagerBytes = 128 * 1024;

export interface CompileOrder {
  readonly kind: 'script' | 'module';
  /** Source, UTF-8. */
  readonly bytes: Buffer;
  /** Short sources may be compiled whole: the process is nobody else's, whose flags that takes. */
  readonly eager: boolean;
}

/** V8's code caches, made one after the other: each sets flags of the process. */
export class Compiles {
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects with what V8 says of the source. */
  compile({ kind, bytes, eager }: CompileOrder): Promise<Uint8Array> {
    const source = bytes.toString('utf8');
    const whole = eager && bytes.length <= eagerBytes;
    const compiled = this.#last.then(() =>
      kind === 'script' ? makeBundleCache(source) : compileCache({ source, eager: whole }),
    );
    this.#last = compiled.catch(() => undefined);
    return compiled;
  }
}
