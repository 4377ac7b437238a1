import type { ChangeEvent, Store } from '#bindings/store/store.ts';
import { StoreModel } from './store-model.ts';

/** A store that forgets, for tests of what stands far above it. Nothing expires in it, and nobody hears of changes. */
export function openMemoryStore(): Store {
  const model = new StoreModel();
  let revision = 0;
  return {
    get: async (key) => model.get(key),
    list: async (range) => model.list(range),
    async write(changes, checks = []) {
      const failed = model.failing(checks);
      if (failed !== undefined) return { ok: false, failed };
      revision++;
      const result = { ok: true, revision } as const;
      model.apply(changes, result);
      return result;
    },
    watch: (_prefix, signal) => ({
      [Symbol.asyncIterator]: (): AsyncIterator<ChangeEvent> => ({
        next: () =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true });
          }),
      }),
    }),
    close: async () => undefined,
  };
}
