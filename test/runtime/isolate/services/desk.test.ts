import { createHash } from 'node:crypto';
import t from 'tap';
import { closeTab, ServiceDesk, type Asked, type Payer, type Reply } from '#runtime/isolate/services/desk.ts';
import { digestCpuMs } from '#test/support/services.ts';
import { Handles } from '#runtime/isolate/services/handles.ts';
import { createPayer } from '#test/support/services.ts';

const MiB = 2 ** 20;

const sha1 = (bytes: number): Asked => ({
  method: 'digest',
  args: ['SHA-1'],
  bytes: new Uint8Array(bytes),
});

const nameOf = (reply: Reply | undefined): string =>
  reply === undefined ? 'nothing' : reply.ok ? 'ok' : reply.error.name;

void t.test('desk: 32 MB at once are taken, a byte more is not', async (t) => {
  const payer = createPayer(1e9);
  t.equal(nameOf(await payer.desk.ask(payer, sha1(32 * MiB))), 'ok');
  const costMs = payer.cpuMs;
  t.equal(nameOf(await payer.desk.ask(payer, sha1(32 * MiB + 1))), 'RangeError');
  t.equal(payer.cpuMs, costMs, 'nothing was done, nothing is charged');
});

void t.test('desk: 64 MB may wait, a byte more may not; done ones make room', async (t) => {
  const payer = createPayer(1e9);
  const waiting = [payer.desk.ask(payer, sha1(32 * MiB)), payer.desk.ask(payer, sha1(32 * MiB))];
  t.equal(nameOf(await payer.desk.ask(payer, sha1(1))), 'RangeError');
  for (const one of waiting) t.equal(nameOf(await one), 'ok');
  t.equal(nameOf(await payer.desk.ask(payer, sha1(1))), 'ok');
});

void t.test('desk: the budget is spent to the last of it, and not beyond', async (t) => {
  const costMs = digestCpuMs('SHA-1', MiB);
  const enough = createPayer(costMs);
  t.equal(nameOf(await enough.desk.ask(enough, sha1(MiB))), 'ok');
  t.equal(enough.over, undefined);
  t.equal(nameOf(await enough.desk.ask(enough, sha1(0))), 'OperationError');
  t.equal(enough.over, 'cpuMs');
  const short = createPayer(costMs * 0.99);
  t.equal(nameOf(await short.desk.ask(short, sha1(MiB))), 'OperationError');
  t.equal(short.over, 'cpuMs');
});

void t.test(
  'desk: what several invocations of one instance ask is all done, each in its order',
  async (t) => {
    const payers: Payer[] = Array.from({ length: 5 }, () => ({ cpuMs: 0, over: undefined, tab: undefined }));
    const desk = new ServiceDesk({ cpuMs: 1e9, isOpen: () => true });
    const done: string[] = [];
    const asked = payers.flatMap((payer, index) =>
      [MiB, 10, 0].map(async (bytes, turn) => {
        const reply = await desk.ask(payer, sha1(bytes));
        const expected = createHash('sha1').update(new Uint8Array(bytes)).digest('hex');
        t.equal(reply?.ok === true && Buffer.from(reply.bytes ?? []).toString('hex'), expected);
        done.push(`${index}${turn}`);
      }),
    );
    await Promise.all(asked);
    for (const index of payers.keys())
      t.same(
        done.filter((one) => one.startsWith(`${index}`)),
        [`${index}0`, `${index}1`, `${index}2`],
      );
  },
);

void t.test('desk: a payer who is gone is not served, and holds up nobody', async (t) => {
  const gone: Payer = { cpuMs: 0, over: undefined, tab: undefined };
  const there: Payer = { cpuMs: 0, over: undefined, tab: undefined };
  let left = false;
  const desk = new ServiceDesk({ cpuMs: 1e9, isOpen: (payer) => payer === there || !left });
  const ask = async (payer: Payer, bytes: number): Promise<Reply | undefined> => desk.ask(payer, sha1(bytes));
  const first = [ask(gone, MiB), ask(gone, MiB), ask(gone, MiB)];
  const other = [ask(there, MiB), ask(there, 1)];
  left = true;
  t.same((await Promise.all(first)).map(nameOf), ['ok', 'nothing', 'nothing'], 'one was under way');
  t.same((await Promise.all(other)).map(nameOf), ['ok', 'ok']);
});

class Thing {
  closed = 0;
  close(): void {
    this.closed++;
  }
}
class OtherThing extends Thing {
  readonly other = true;
}

void t.test('handles: found by number and kind, closed once, and all with the invocation', async (t) => {
  const payer = createPayer(1);
  await payer.desk.ask(payer, sha1(0));
  const handles = payer.tab?.handles ?? new Handles();
  const [one, two] = [new Thing(), new OtherThing()];
  const [first, second] = [handles.open(one, 1), handles.open(two, 1)];
  t.equal(handles.find(first, Thing), one);
  t.equal(handles.find(first, OtherThing), undefined);
  for (const odd of [0, -1, 99, '1', null, undefined, {}, [first], Number.NaN])
    t.equal(handles.find(odd, Thing), undefined);
  handles.close(first);
  handles.close(first);
  t.equal(one.closed, 1);
  t.equal(handles.find(first, Thing), undefined);
  closeTab(payer);
  t.equal(two.closed, 1);
  t.equal(handles.find(second, Thing), undefined);
});

void t.test('handles: 256 of them and 32 MB in all, one more of either is closed and refused', async (t) => {
  const many = new Handles();
  for (let i = 0; i < 256; i++) many.open(new Thing(), 0);
  const extra = new Thing();
  t.throws(() => many.open(extra, 0), { name: 'QuotaExceededError' });
  t.equal(extra.closed, 1);
  const large = new Handles();
  const id = large.open(new Thing(), 32 * MiB - 1);
  large.open(new Thing(), 1);
  t.throws(() => large.open(new Thing(), 1), { name: 'QuotaExceededError' });
  large.close(id);
  t.ok(large.open(new Thing(), 32 * MiB - 1));
});
