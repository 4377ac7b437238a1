// oxlint-disable-next-line unicorn/require-module-specifiers -- makes this file a module, which augments what is global
export {};

declare global {
  interface CacheStorage {
    /** Workers: the cache of the function that needs no name. */
    readonly default: Cache;
  }

  // Merges with Node's own declarations where a project has them.
  namespace NodeJS {
    interface ProcessEnv {
      [name: string]: string | undefined;
    }
    interface Process {
      /** Variables and secrets of the function. */
      env: ProcessEnv;
      nextTick<Args extends unknown[]>(callback: (...args: Args) => void, ...args: Args): void;
    }
  }
  /** What functions have of Node's without an import; `node:process` has more. */
  var process: NodeJS.Process;

  namespace WebAssembly {
    /**
     * A function of promises as an import that the module waits for. It cannot be called: that it is a Function has it taken
     * where the library wants an import.
     */
    interface Suspending extends Function {}
    var Suspending: {
      readonly prototype: Suspending;
      new (callback: (...args: never[]) => unknown): Suspending;
    };
    /** An export that waits for such imports, as a function that gives a promise. */
    function promising<Args extends unknown[], Result>(
      callback: (...args: Args) => Result,
    ): (...args: Args) => Promise<Awaited<Result>>;
  }
}
