import { performance } from 'node:perf_hooks';
import type { InstanceWatcher } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { splitBundle } from '#runtime/guest/parts.ts';
import { compileCache, type GuestBundle } from '#runtime/isolate/bootstrap.ts';
import { makeBundleCache } from '#runtime/isolate/bundle-cache.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { helloSource } from './guests.ts';
import { spreadOf } from './histogram.ts';
import type { StartRow } from './report.ts';
import { serveTasks } from './tasks.ts';

/** The isolate engine by itself, as a cell holds it: how long each phase of a start takes. */
interface StartsPlan {
  readonly code: 'hello' | 'large';
  readonly spare: boolean;
  readonly cached: boolean;
  readonly starts: number;
}

/** How each part begins in the bundle's text. */
const pieceStart = '(function(core,load,globals){';

const watcher: InstanceWatcher = {
  line: () => undefined,
  answered: () => undefined,
  ended: () => undefined,
  unhealthy: () => undefined,
  condemned: (why) => {
    throw new Error(`The engine gave up: ${why}`);
  },
};

const head = JSON.stringify({
  function: 'hello',
  version: 1,
  memoryMb: defaultLimits.memoryMb,
  vars: {},
  bindings: [],
  agent: 'islet/bench',
});

async function starts(plan: StartsPlan): Promise<StartRow> {
  const script = (await loadGuestBundle()).source;
  // Library code of a size people deploy: islet's own web globals once more, as a module; its parts as functions nobody calls.
  // It takes a global while it loads that functions have not.
  const { script: core, pieces } = splitBundle(script);
  const unused = pieces.replaceAll(pieceStart, `,${pieceStart}`);
  const library = `const SharedArrayBuffer = ArrayBuffer;${core};[${unused}];`;
  const source = plan.code === 'hello' ? helloSource : `${helloSource};${library}`;
  const bundle: GuestBundle = plan.cached
    ? { source: script, cache: await makeBundleCache(script) }
    : { source: script };
  const cache = plan.cached ? await compileCache({ source, eager: false }) : new Uint8Array();
  // As a cell has it.
  const engine = new IsolateEngine({
    bundle,
    spares: plan.spare ? 1 : 0,
    beat: () => undefined,
    quickEntries: 32,
  });
  const found: { create: number; bootstrap: number; load: number; topLevel: number; total: number }[] = [];
  // The first few warm the engine itself up, as a cell that has run for a while is.
  for (let i = -5; i < plan.starts; i++) {
    await settled(engine, plan.spare ? 1 : 0);
    const began = performance.now();
    const started = await engine.start({ source, cache, head, limits: defaultLimits }, watcher);
    const total = performance.now() - began;
    if (started.spare !== plan.spare)
      throw new Error('A start did not find the spare that was waiting for it');
    if (started.cached !== plan.cached) throw new Error('V8 did not take the code cache made for it');
    started.instance.dispose();
    if (i >= 0) found.push({ ...started.phases, total });
  }
  engine.close();
  const spread = (name: keyof (typeof found)[number]) => spreadOf(found.map((phases) => phases[name]));
  return {
    code: plan.code,
    sourceBytes: Buffer.byteLength(source),
    spare: plan.spare,
    cached: plan.cached,
    create: spread('create'),
    bootstrap: spread('bootstrap'),
    load: spread('load'),
    topLevel: spread('topLevel'),
    total: spread('total'),
  };
}

/** Waits until `spares` are ready, and for what the start before left behind. */
async function settled(engine: IsolateEngine, spares: number): Promise<void> {
  if (engine.spares < spares) await engine.fill();
  do await pause(4);
  while (engine.spares < spares);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

serveTasks({ starts });
