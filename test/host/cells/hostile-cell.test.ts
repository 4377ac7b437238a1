import { defaultEgress } from '#runtime/deployment.ts';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import t from 'tap';
import type { Attachment } from '#runtime/binding.ts';
import { memoryPipes, type Pipe } from '#runtime/channel.ts';
import type { DeploymentHead, DeploymentId, FunctionName } from '#runtime/deployment.ts';
import { Frame, frameHeaderBytes, type StartSpec } from '#runtime/frames.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { outcomeRow } from '#runtime/outcome.ts';
import type { Call, Sink } from '#host/call.ts';
import { CellClient } from '#host/cells/cell-client.ts';
import { HostInstance } from '#host/dispatch/host-instance.ts';
import { usual } from '#host/dispatch/start-texts.ts';
import type { InvocationOwner } from '#host/dispatch/invocation-owner.ts';
import { Invocation } from '#host/dispatch/invocation.ts';
import { Pool } from '#host/dispatch/pool.ts';

/** One frame as a cell that was taken over may send it. */
interface Sent {
  readonly type: number;
  readonly id: number;
  readonly text: string;
  readonly bytes: Uint8Array;
}

const deployment: DeploymentHead = {
  id: 'a'.repeat(32) as DeploymentId,
  function: 'target' as FunctionName,
  version: 1,
  limits: { ...defaultLimits, subrequests: 5 },
  bindings: [],
  vars: {},
  cordon: 'default',
  minWarm: 0,
  routes: [],
  access: [],
  egress: defaultEgress,
  createdAt: 0,
};
const spec: StartSpec = {
  codeId: deployment.id,
  sourceBytes: 4,
  cacheBytes: 0,
  head: '{}',
  memoryMb: 128,
  cpuMs: 50,
  startupCpuMs: 1000,
  logBytes: 1000,
  keep: false,
};
const order = { codeId: spec.codeId, text: JSON.stringify(spec) };
const calls: readonly Call[] = [
  { kind: 'request', method: 'GET', url: 'http://x/', headers: [], streamed: false, ip: '' },
  { kind: 'request', method: 'POST', url: 'http://x/', headers: [], streamed: true, ip: '' },
  { kind: 'request', method: 'GET', url: 'http://x/', headers: [], streamed: false, upgrade: true, ip: '' },
  { kind: 'event', event: '{}' },
];

/** Answers, streams, reads what it is sent, or throws, by method. */
const attachment: Pick<Attachment, 'grant'> = {
  grant: () => ({
    async call({ method, stream }) {
      if (stream !== undefined) for await (const bytes of stream) void bytes;
      if (method === 'type') throw new TypeError('refused');
      if (method === 'fault') throw new Error('a fault of the binding');
      if (method === 'value') return { value: 1n };
      if (method !== 'stream') return { value: 1 };
      return { stream: pieces() };
    },
  }),
};

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(300_000);
  throw new Error('the stream broke off');
}

const numbers = fc.oneof(
  fc.integer({ min: 0, max: 8 }),
  fc.constantFrom(-1, 1.5, 1e308, 2 ** 32 - 1),
  fc.integer(),
);
const json = fc.oneof(
  fc.constantFrom('', 'null', '{', '[1e999]', '[0,1e999]', '{"__proto__":{"needCode":true}}', '[[[['),
  fc.array(numbers, { maxLength: 4 }).map((list) => JSON.stringify(list)),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '[200,["a","b"],3,null]',
    '[200,[],1,"whole"]',
    '[101,[],3,null]',
    '[101,[],1,"whole"]',
    '["error","said"]',
    '[{"toString":1},{"toString":1}]',
    '["Error","thrown","stack","handler"]',
    '{"needCode":true}',
    '{"outcome":{"kind":"exceeded","limit":"__proto__"}}',
    '{"outcome":{"kind":"threw","error":{"name":{},"message":[],"stack":5}}}',
    '{"outcome":{"kind":"threw"}}',
    '{"rssBytes":"x","evictions":null,"disposed":{}}',
  ),
  fc
    .record({
      op: fc.constantFrom(2, 4, 3, 0, -2, '2'),
      binding: fc.constantFrom('', 'KV', '__proto__', 'no'),
      method: fc.constantFrom('type', 'fault', 'value', 'stream', 'other', 5),
      streamed: fc.constantFrom(0, 1),
    })
    .map(({ op, binding, method, streamed }) => JSON.stringify([op, binding, method, {}, 0, -1, streamed])),
);
const letters = fc.constantFrom(
  '',
  'A',
  'H',
  'C',
  'E',
  'F',
  'G',
  'X',
  'O',
  'K',
  'T',
  'U',
  'L',
  'R',
  'Z',
  'N',
  'D',
  'S',
  '?',
);
const ends = fc.constantFrom('finished 1 1', 'cpuMs 1 1', 'instance 0 0', 'finished', '__proto__ 1 1', '');
const types = fc.oneof(fc.constantFrom(...Object.values(Frame)), fc.integer({ min: 0, max: 255 }));

const frame: fc.Arbitrary<Sent> = fc
  .record({
    type: types,
    id: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    letter: letters,
    end: ends,
    json,
    bytes: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ type, id, letter, end, json: text, bytes }) => ({
    type,
    id,
    text: toText(type, letter, end, text),
    bytes,
  }));

const frames = fc.array(frame, { minLength: 1, maxLength: 30 });

function toText(type: number, letter: string, end: string, text: string): string {
  if (type === Frame.Line) return letter + text;
  if (type === Frame.Ended) return end;
  return type === Frame.Answered ? `${end}\n${text}` : text;
}

function encode({ type, id, text, bytes }: Sent): Buffer {
  const words = Buffer.from(text);
  const head = Buffer.alloc(frameHeaderBytes);
  head.writeUInt32LE(frameHeaderBytes - 4 + words.length + bytes.length, 0);
  head[4] = type;
  head.writeUInt32LE(id, 5);
  head.writeUInt32LE(words.length, 9);
  return Buffer.concat([head, words, bytes]);
}

interface Scene {
  readonly far: Pipe;
  readonly client: CellClient;
  readonly invocations: readonly Invocation[];
  /** How often each call was told that it is over. */
  readonly ended: number[];
  /** How often the cell was said to be gone, its instance included. */
  readonly gone: { cell: number; tenant: number };
}

/** A cell with an instance and three calls in it: numbers 1 to 4. */
function openScene(): Scene {
  const { near, far } = memoryPipes();
  far.listen({ data: () => undefined, closed: () => undefined });
  const gone = { cell: 0, tenant: 0 };
  const client: CellClient = new CellClient(
    { pid: 1, pipe: near, kill: () => near.close(), lastWords: () => '' },
    'default',
    { ready: () => undefined, condemned: () => undefined, closed: () => void gone.cell++ },
  );
  const pool = new Pool(
    { deployment, secrets: {}, key: 'target', load: () => Promise.reject(new Error('not asked for')) },
    new Map([
      ['', attachment],
      ['KV', attachment],
    ]),
  );
  const instance = new HostInstance(client, usual);
  instance.number = client.load(order, Buffer.from('code'), {
    loaded: () => undefined,
    notLoaded: () => void gone.tenant++,
    gone: () => void gone.tenant++,
    log: () => undefined,
    lost: () => void gone.tenant++,
  });
  instance.state = 'ready';
  const owner: InvocationOwner = {
    place: (invocation) => invocation.exceed('concurrency'),
    messages: () => undefined,
    log: () => undefined,
    over: () => undefined,
    failed: () => undefined,
  };
  const ended = calls.map(() => 0);
  const invocations = calls.map((call, at) => {
    const sink: Sink = {
      head: () => undefined,
      chunk: (bytes) => invocation.consumed(bytes.length),
      end: () => undefined,
      wants: () => undefined,
      done: (outcome) => {
        ended[at] = (ended[at] ?? 0) + 1;
        if (typeof outcomeRow(outcome).status !== 'number') throw new Error('an outcome without a status');
      },
    };
    const invocation: Invocation = new Invocation(owner, pool, call, { id: `call-${at}`, sink });
    invocation.join(instance);
    invocation.begin(instance);
    return invocation;
  });
  return { far, client, invocations, ended, gone };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await turn();
}

void t.test('hostile cell: whatever it sends, each call ends once and the host goes on', async (t) => {
  await fc.assert(
    fc.asyncProperty(frames, fc.nat(), async (sent, cut) => {
      const scene = openScene();
      const bytes = Buffer.concat(sent.map(encode));
      const at = cut % bytes.length;
      scene.far.write(bytes.subarray(0, at));
      scene.far.write(bytes.subarray(at));
      scene.invocations[1]?.write(new Uint8Array(10));
      await settle();
      scene.invocations[0]?.abort();
      scene.far.close();
      await settle();
      const { report } = scene.client;
      const counts = [report.rssBytes, report.disposed, report.instances, ...Object.values(report.evictions)];
      return (
        scene.ended.every((times) => times === 1) &&
        scene.gone.cell === 1 &&
        scene.gone.tenant === 1 &&
        scene.client.inFlight === 0 &&
        scene.client.instances === 0 &&
        counts.every(Number.isFinite)
      );
    }),
    { numRuns: 1500 },
  );
  t.pass('1500 cells that were taken over');
});

void t.test('hostile cell: bytes that are no frames end it', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const scene = openScene();
      scene.far.write(bytes);
      await settle();
      scene.far.close();
      await settle();
      return scene.ended.every((times) => times === 1) && scene.gone.cell === 1;
    }),
    { numRuns: 300 },
  );
  t.pass('300 streams of noise');
});

void t.test('hostile cell: one operation number twice ends it', async (t) => {
  const scene = openScene();
  const line = 'O[2,"KV","other",{},0,-1,1]';
  for (let i = 0; i < 2; i++)
    scene.far.write(encode({ type: Frame.Line, id: 2, text: line, bytes: new Uint8Array() }));
  await settle();
  t.equal(scene.client.state, 'dead');
  t.same(
    scene.ended,
    calls.map(() => 1),
  );
});

void t.test('hostile cell: what is begun or loaded in a dead one is lost, not forgotten', async (t) => {
  const scene = openScene();
  scene.far.close();
  await settle();
  let lost = 0;
  const count = (): void => void lost++;
  scene.client.take({ line: count, ended: count, returned: count, lost: count });
  scene.client.load(order, new Uint8Array(), {
    loaded: never,
    notLoaded: never,
    gone: never,
    log: never,
    lost: count,
  });
  await settle();
  t.equal(lost, 2);
});

function never(): void {
  throw new Error('This is not to be called');
}
