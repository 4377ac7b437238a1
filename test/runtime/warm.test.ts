import t from 'tap';
import { Warm, type WarmItem } from '#runtime/warm.ts';

interface Item extends WarmItem {
  memoryBytes: number;
  inFlight: number;
}

const MB = 2 ** 20;

function open(t: { teardown(step: () => void): void }, bytes: number, idleMs = 60_000) {
  const gone: string[] = [];
  const warm = new Warm<Item>({
    bytes,
    idleMs,
    evicted: (id, _item, reason) => gone.push(`${id} ${reason}`),
  });
  t.teardown(() => warm.close());
  const add = (id: number, mb: number, keep = false): Item => {
    const item = { memoryBytes: mb * MB, inFlight: 0 };
    warm.add(id, item, { keep });
    return item;
  };
  return { warm, gone, add };
}

void t.test('warm: the least recently used goes when bytes run out', async (t) => {
  const { warm, gone, add } = open(t, 10 * MB);
  add(1, 4);
  add(2, 4);
  warm.get(1);
  add(3, 4);
  t.same(gone, ['2 full']);
  t.equal(warm.get(2), undefined);
  t.equal(warm.counts.full, 1);
});

void t.test('warm: an instance larger than the room is taken in alone', async (t) => {
  const { warm, gone, add } = open(t, 10 * MB);
  add(1, 4);
  add(2, 40);
  t.same(gone, ['1 full']);
  t.ok(warm.get(2));
});

void t.test('warm: idle ones go, busy and kept ones stay', async (t) => {
  const { warm, gone, add } = open(t, 100 * MB, 40);
  add(1, 2);
  add(2, 2).inFlight = 1;
  add(3, 2, true);
  const until = Date.now() + 5000;
  while (gone.length === 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 60));
  t.same(gone, ['1 idle']);
  t.ok(warm.get(2), 'busy');
  t.ok(warm.get(3), 'kept');
});

void t.test('warm: growth is noticed', async (t) => {
  const { warm, gone, add } = open(t, 10 * MB);
  add(1, 2);
  const grows = add(2, 2);
  grows.memoryBytes = 9 * MB;
  await new Promise((resolve) => setTimeout(resolve, 550));
  warm.resize(2);
  t.same(gone, ['1 full']);
});

void t.test('warm: every departure is told once, with its reason', async (t) => {
  const { warm, gone, add } = open(t, 10 * MB);
  add(1, 1);
  add(2, 1, true);
  warm.remove(1, 'unhealthy');
  warm.remove(1, 'unhealthy');
  warm.remove(2, 'replaced');
  t.same(gone, ['1 unhealthy', '2 replaced']);
  t.match(warm.counts, { idle: 0, full: 0, replaced: 1, unhealthy: 1 });
});

void t.test('warm: several busy instances at once neither go nor hold up the sweep', async (t) => {
  const { warm, gone, add } = open(t, 10 * MB, 100);
  for (const id of [1, 2, 3]) add(id, 1).inFlight = 1;
  add(4, 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.same(gone, ['4 idle']);
  t.equal(warm.size, 3);
});
