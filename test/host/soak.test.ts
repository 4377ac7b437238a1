import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { HostError } from '#runtime/errors.ts';
import { eventually, openTestHost, type TestHost } from '#test/support/host.ts';

/** How long the mixed load goes on, in ms. */
const loadMs = 5000;
/** A cell is killed every so often, in ms. */
const killMs = 2000;
/** A call that takes longer than its wall limit and some replays hangs. */
const patienceMs = 15_000;

const sources: Readonly<Record<string, string>> = {
  hello: `export default { fetch: () => new Response('hello') }`,
  loops: `export default { fetch() { for (;;); } }`,
  pipes: `export default { fetch: (request) => new Response(request.body) }`,
  waits: `export default { async fetch(request) {
    await new Promise((done) => { setTimeout(done, 200); request.signal.addEventListener('abort', done); });
    return new Response('waited');
  } }`,
  counts: `export default { async fetch(request, env) {
    const count = Number(await env.KV.get('count')) + 1;
    await env.KV.put('count', String(count));
    return new Response(String(count));
  } }`,
  pours: `export default { fetch: () => {
    let left = 40;
    return new Response(new ReadableStream({ pull(to) {
      if (left-- === 0) return to.close();
      to.enqueue(new Uint8Array(50_000));
    } }));
  } }`,
};

const statuses: ReadonlySet<number> = new Set([200, 499, 502, 503, 504]);

void t.test(
  'soak: mixed load with dying cells and redeploys hangs no call and leaves nothing behind',
  async (t) => {
    const rejected: unknown[] = [];
    const note = (error: unknown): void => void rejected.push(error);
    process.on('unhandledRejection', note);
    t.teardown(() => process.off('unhandledRejection', note));
    const test = await openTestHost(t, { cells: 2 });
    for (const [name, source] of Object.entries(sources)) await test.deploy(name, source, manifestOf(name));
    const until = Date.now() + loadMs;
    const ended: Record<string, number> = {};
    let late = 0;
    const worker = async (name: string, act: () => Promise<string>): Promise<void> => {
      while (Date.now() < until) {
        const began = Date.now();
        const how = `${name} ${await act()}`;
        ended[how] = (ended[how] ?? 0) + 1;
        if (Date.now() - began > patienceMs) late++;
        if (name !== 'hello') await sleep(20);
      }
    };
    const plain = (name: string) => worker(name, () => call(test, { path: `/${name}/` }));
    const upload = Buffer.alloc(400_000, 'x');
    const workers = [
      ...Array.from({ length: 8 }, () => plain('hello')),
      ...['hello', 'counts', 'waits', 'pours', 'loops'].map(plain),
      worker('upload', () => call(test, { path: '/pipes/', method: 'PUT', body: upload })),
      worker('upload', () => call(test, { path: '/pipes/', method: 'POST', body: upload })),
      worker('abort', () => call(test, { path: '/waits/', abortMs: 20 })),
      worker('abort', () => call(test, { path: '/pours/', abortMs: 5 })),
      worker('abort', () => call(test, { path: '/pipes/', method: 'POST', body: upload, abortMs: 1 })),
    ];
    const killer = async (): Promise<void> => {
      for (let round = 0; Date.now() < until - killMs; round++) {
        await sleep(killMs);
        const { cells } = await test.host.health();
        const victim = cells[round % Math.max(1, cells.length)];
        if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
      }
    };
    const deployer = async (): Promise<void> => {
      for (let round = 0; Date.now() < until; round++) {
        // Its cell may be killed as it is tried out: then it is refused, and what runs stays.
        await test.deploy('hello', `${sources['hello']} // ${round}`).catch((error: unknown) => {
          if (!(error instanceof HostError) || error.code !== 'ERR_DEPLOY_FAILED') throw error;
        });
        await sleep(100);
      }
    };
    await Promise.all([...workers, killer(), deployer()]);

    t.equal(late, 0, 'no call took longer than it may');
    t.same(
      Object.keys(ended).filter((how) => how.endsWith('?')),
      [],
      'each answer is one that there is',
    );
    t.notOk(ended['upload corrupt'], 'no body lost a piece');
    t.ok((ended['hello 200'] ?? 0) > 0, 'calls are answered meanwhile');
    t.same(rejected, []);
    t.same(
      test.log.filter(({ level }) => level === 'error'),
      [],
      'the host itself made no mistake',
    );
    await eventually('nothing is under way', async () =>
      (await test.host.health()).cells.every(({ inFlight }) => inFlight === 0),
    );
    for (const name of Object.keys(sources)) await test.host.delete(name);
    await eventually('no instance is left', async () =>
      (await test.host.health()).cells.every(({ instances }) => instances === 0),
    );
    t.comment(JSON.stringify(ended));
  },
);

function manifestOf(name: string): Readonly<Record<string, unknown>> {
  if (name === 'counts') return { bindings: { KV: { kind: 'kv' } } };
  return name === 'hello' ? { minWarm: 1 } : {};
}

interface SoakCall {
  readonly path: string;
  readonly method?: string;
  readonly body?: Buffer;
  /** The client goes away after so long. */
  readonly abortMs?: number;
}

/** How it ended: a status, `broken`, `corrupt` for a body that is not what was sent, and `?` for what must not be. */
function call({ port }: TestHost, { path, method = 'GET', body, abortMs }: SoakCall): Promise<string> {
  return new Promise((resolve) => {
    const sent = httpRequest({ port, host: '127.0.0.1', path, method, agent: false }, (response) => {
      let bytes = 0;
      response.on('data', (piece: Buffer) => (bytes += piece.length));
      response.on('error', () => resolve('broken'));
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        if (status === 200 && body !== undefined && bytes !== body.length) return resolve('corrupt');
        resolve(statuses.has(status) ? String(status) : `${status} ?`);
      });
    });
    sent.on('error', () => resolve('broken'));
    sent.end(body);
    if (abortMs !== undefined) setTimeout(() => sent.destroy(), abortMs);
  });
}
