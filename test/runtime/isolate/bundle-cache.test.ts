import ivm from 'isolated-vm';
import t from 'tap';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { splitBundle } from '#runtime/guest/parts.ts';
import { makeBundleCache } from '#runtime/isolate/bundle-cache.ts';
import { collectAtExit } from '#runtime/isolate/collect-at-exit.ts';

collectAtExit();

interface Compiled {
  readonly cachedDataRejected?: boolean;
  readonly cachedData?: { copy(): ArrayBuffer };
}

await t.test('bundle cache: V8 takes it, and it holds what ran', async (t) => {
  const { source } = await loadGuestBundle();
  const { script } = splitBundle(source);
  const cache = await makeBundleCache(source);
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  t.teardown(() => isolate.dispose());
  const unused = (await isolate.compileScript(script, { produceCachedData: true })) as Compiled;
  const bytes = unused.cachedData?.copy().byteLength ?? 0;
  t.ok(cache.byteLength > bytes * 1.1, `${cache.byteLength} bytes with what requests use, ${bytes} without`);
  const other = new ivm.Isolate({ memoryLimit: 128 });
  t.teardown(() => other.dispose());
  const cachedData = new ivm.ExternalCopy(cache.buffer.slice(0) as ArrayBuffer);
  const compiled = (await other.compileScript(script, { cachedData })) as Compiled;
  t.equal(compiled.cachedDataRejected, false);
});

await t.test('bundle cache: a bundle that throws makes none', async (t) => {
  await t.rejects(makeBundleCache('(function(){return () => { throw new RangeError("no"); }})()'));
});
