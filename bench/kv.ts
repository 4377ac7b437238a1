import { get, type BenchRun } from './bench-run.ts';
import { kvSource } from './guests.ts';
import { median } from './histogram.ts';
import type { OnceResult } from './load-generator.ts';
import type { MiniflareOpened, MiniflarePlan } from './miniflare-program.ts';
import type { KvReport, KvRow } from './report.ts';

type Verb = 'put' | 'get' | 'list';

const kinds: readonly { readonly what: string; readonly verb: Verb; readonly width: number }[] = [
  { what: 'put, one after the other', verb: 'put', width: 1 },
  { what: 'put, 64 at once', verb: 'put', width: 64 },
  { what: 'get, one after the other', verb: 'get', width: 1 },
  { what: 'get, 64 at once', verb: 'get', width: 64 },
  { what: 'list of 100, one after the other', verb: 'list', width: 1 },
];

/** Operations of one request: few enough that a median over requests says what one of them takes. */
const batch = (width: number): number => (width === 1 ? 50 : 640);

/** How long `count` operations take, in ms, the request that asks for them not counted. */
type Timed = (verb: Verb, count: number, width: number) => Promise<number>;

/**
 * KV operations from within one invocation. Bare node:sqlite, an fsync of the same disk and, where it is installed,
 * miniflare take turns with it on the same core.
 */
export async function measureKv(run: BenchRun): Promise<KvReport> {
  const { repeats, operations } = run.scale;
  const load = run.program('load-generator', { place: 'load' });
  const sqlite = run.program('sqlite-program', { place: 'server' });
  const hopper = run.program('hop-program', { place: 'server' });
  const miniflare = run.program('miniflare-program', { place: 'server' });
  const dir = await run.folder();
  const { program, port } = await run.islet();
  const manifest = { bindings: { KV: { kind: 'kv' } }, limits: { subrequests: 10_000 } };
  await program.call('deploy', [{ name: 'kv', source: kvSource, manifest }]);
  const plan: MiniflarePlan = { source: kvSource, dir: await run.folder() };
  const peer = await miniflare.call<MiniflareOpened | undefined>('open', plan);

  const timed =
    (at: number, path: string): Timed =>
    async (verb, count, width) => {
      const request = (n: number): string => get(`${path}?verb=${verb}&count=${n}&width=${width}`);
      const empty = await load.call<OnceResult>('once', { port: at, request: request(0) });
      const full = await load.call<OnceResult>('once', { port: at, request: request(count) });
      return Math.max(0.001, full.ms - empty.ms);
    };
  const sides: { readonly name: 'islet' | 'sqlite' | 'miniflare'; readonly time: Timed }[] = [
    { name: 'islet', time: timed(port, '/kv/') },
    { name: 'sqlite', time: (verb, count, width) => sqlite.call('work', { dir, verb, count, width }) },
  ];
  if (peer !== undefined) sides.push({ name: 'miniflare', time: timed(peer.port, '/') });
  // All have every key, and warm code, before anything is timed.
  for (const { time } of sides) {
    for (let i = 0; i < 10; i++) await time('put', 100, 32);
    for (let i = 0; i < operations; i += 50) await time('get', 50, 1);
  }

  run.progress('kv: the way to another process and back');
  const hopMicros = await hopper.call<number>('hop', { count: operations });
  const hopAfterSyncMicros = await hopper.call<number>('hop', { count: operations, dir });
  const rows: KvRow[] = [];
  const syncs: number[] = [];
  for (const { what, verb, width } of kinds) {
    run.progress(`kv: ${what}`);
    const micros: Record<'islet' | 'sqlite' | 'miniflare', number[]> = {
      islet: [],
      sqlite: [],
      miniflare: [],
    };
    const count = Math.min(batch(width), operations);
    const rounds = Math.max(repeats, Math.round((operations * repeats) / count / 4));
    for (let round = 0; round < rounds; round++) {
      for (const { name, time } of sides)
        micros[name].push(((await time(verb, count, width)) / count) * 1000);
      if (verb === 'put') syncs.push(await sqlite.call<number>('sync', { dir, count: 20 }));
    }
    const peerMicros = peer === undefined ? {} : { miniflare: median(micros.miniflare) };
    rows.push({ what, width, islet: median(micros.islet), sqlite: median(micros.sqlite), ...peerMicros });
  }
  await miniflare.call('close');
  await run.stop(program, sqlite, load, miniflare, hopper);
  const syncMicros = median(syncs);
  return {
    rows,
    syncMicros,
    hopMicros,
    hopAfterSyncMicros,
    ...(peer === undefined ? {} : { miniflare: peer.version }),
  };
}
