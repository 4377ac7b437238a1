import t from 'tap';
import { In } from '#runtime/guest/protocol.ts';
import { GuestHarness, answerOf, letters, lineOf, requestHead } from '#test/support/guest-harness.ts';

const source = `export default { async fetch(request, env, ctx) {
  const path = new URL(request.url).pathname;
  if (path === '/spin') for (;;);
  if (path === '/chain') for (;;) await null;
  if (path === '/regex') return new Response(/^(a+)+$/.test('a'.repeat(40) + 'b'));
  if (path === '/wait') { await new Promise((r) => setTimeout(r, 1)); console.log('waited'); }
  if (path === '/late') { for (let i = 0; i < 1000; i++) await i; console.log('late'); for (let i = 0; i < 1000; i++) await i; }
  return new Response(path);
} }`;

const open = async (): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(source);
  guest.take();
  return guest;
};

const request = (inv: number, path: string): unknown[] => [
  In.Request,
  inv,
  requestHead({ u: `http://a${path}` }),
  0,
  0,
];

for (const path of ['/spin', '/chain', '/regex']) {
  void t.test(`output: an entry cut short in ${path} costs its neighbours nothing`, async (t) => {
    const guest = await open();
    const waiting = guest.request(1, { u: 'http://a/wait' });
    guest.deliver(request(2, '/kept'), undefined, 1);
    guest.timeoutMs = 100;
    const cut = guest.deliver(request(3, path));
    guest.timeoutMs = 10_000;
    t.equal(guest.rejections.length, 1);
    t.equal(guest.marker[1], 3, 'the marker names who ran last');
    const kept = [...cut, ...guest.deliver([In.Flush])];
    t.same(
      kept.map((line) => [line.letter, line.inv]),
      [['A', 2]],
    );
    t.same(guest.deliver([In.Drop, 3]), []);
    t.equal(answerOf(guest.deliver(request(4, '/next'))).text, '/next');
    t.equal(letters(guest.deliver([In.Timer, 1, lineOf(waiting, 'T').json[0]])), 'LA');
    guest.dispose();
  });
}

void t.test('output: lines that come late in an entry are sent before it ends', async (t) => {
  const guest = await open();
  guest.deliver(request(1, '/wait'), undefined, 0);
  const lines = guest.deliver(request(2, '/late'));
  t.same(
    lines.map((line) => [line.letter, line.inv]),
    [
      ['L', 2],
      ['A', 2],
    ],
  );
  guest.dispose();
});

void t.test('output: bytes of several lines share one buffer and stay apart', async (t) => {
  const guest = await GuestHarness.open(
    `export default { fetch: (r) => new Response(new Uint8Array(4).fill(r.url.length)) }`,
  );
  guest.take();
  guest.deliver(request(1, '/'), undefined, 1);
  guest.deliver(request(2, '/22'), undefined, 1);
  const lines = guest.deliver(request(3, '/4444'));
  t.same(
    lines.map((line) => [...answerOf([line]).bytes]),
    [
      [9, 9, 9, 9],
      [11, 11, 11, 11],
      [13, 13, 13, 13],
    ],
  );
  guest.dispose();
});
