import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { runInThisContext } from 'node:vm';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { openSandbox, type GuestBundle, type Sandbox } from '#runtime/isolate/bootstrap.ts';
import { makeBundleCache } from '#runtime/isolate/bundle-cache.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { median, spreadOf } from './histogram.ts';
import type { WebCaseRow, WebReport } from './report.ts';
import { serveTasks } from './tasks.ts';
import { webCases } from './web-cases.ts';

interface ClassesPlan {
  readonly calls: number;
  readonly rounds: number;
}

interface SparesPlan {
  readonly kind: 'blank' | 'spare';
  readonly count: number;
}

type Case = (times: number) => unknown;

/** No globals at all: what an isolate and a context cost without us. */
const blank: GuestBundle = { source: '() => ({ deliver() {}, prepare() {}, start() {} })' };

async function cachedBundle(): Promise<GuestBundle & { readonly cache: Uint8Array }> {
  const { source } = await loadGuestBundle();
  return { source, cache: await makeBundleCache(source) };
}

/** Each case in a spare and in this Node, in turns. */
async function classes({ calls, rounds }: ClassesPlan): Promise<readonly WebCaseRow[]> {
  const sandbox = await openSandbox(await cachedBundle(), defaultLimits.memoryMb);
  const guest = await guestCases(sandbox);
  const own = runInThisContext(webCases) as Readonly<Record<string, Case>>;
  const rows = Object.entries(own).map(([what, run]): WebCaseRow => {
    const inGuest = guest[what];
    if (inGuest === undefined) throw new Error(`The isolate has no case ${JSON.stringify(what)}`);
    const results = { guest: [] as number[], node: [] as number[] };
    for (let round = -1; round < rounds; round++) {
      const took = { guest: microsOf(inGuest, calls), node: microsOf(run, calls) };
      // The first round is for the compilers.
      if (round < 0) continue;
      results.guest.push(took.guest);
      results.node.push(took.node);
    }
    return { what, guest: median(results.guest), node: median(results.node) };
  });
  sandbox.isolate.dispose();
  return rows;
}

function microsOf(run: Case, calls: number): number {
  const began = performance.now();
  run(calls);
  return ((performance.now() - began) * 1000) / calls;
}

async function guestCases({ isolate, context }: Sandbox): Promise<Readonly<Record<string, Case>>> {
  const script = await isolate.compileScript(webCases);
  const made = await script.run(context, { reference: true });
  const cases: Record<string, Case> = {};
  for (const what of Object.keys(runInThisContext(webCases) as object)) {
    const reference = await made.get(what, { reference: true });
    cases[what] = (times) => reference.applySync(undefined, [times]);
  }
  return cases;
}

type Weight = Pick<WebReport, 'bundleBytes' | 'cacheBytes' | 'bootstrap'> & { readonly rssBytes: number };

/** Isolates as spares are made, and what each adds to this process. */
async function spares({ kind, count }: SparesPlan): Promise<Weight> {
  const cached = await cachedBundle();
  const bundle = kind === 'blank' ? blank : cached;
  const open = async (): Promise<Sandbox> => openSandbox(bundle, defaultLimits.memoryMb);
  const warm = await open();
  const before = process.memoryUsage.rss();
  const made: Sandbox[] = [];
  for (let i = 0; i < count; i++) made.push(await open());
  const rssBytes = Math.max(0, (process.memoryUsage.rss() - before) / count);
  for (const { isolate } of [warm, ...made]) isolate.dispose();
  return {
    bundleBytes: Buffer.byteLength(cached.source),
    cacheBytes: cached.cache.length,
    bootstrap: spreadOf(made.map(({ bootstrapMs }) => bootstrapMs)),
    rssBytes,
  };
}

serveTasks({ classes, spares });
