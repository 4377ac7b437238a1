import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('blob-url: it leads to its blob until it is revoked, and no two are alike', async (t) => {
  const program = `const blob = new Blob(['abc'], { type: 'text/x' });
    const [one, two] = [URL.createObjectURL(blob), URL.createObjectURL(blob)];
    const first = web.takeRequest(one + '#part').local;
    const seen = [one !== two, /^blob:null\\/[0-9a-f-]{36}$/.test(one), first.status, first.headers.get('content-type'),
      first.headers.get('content-length'), await first.text()];
    const kept = new Request(one);
    URL.revokeObjectURL(one + '#part');
    seen.push(await web.takeRequest(one).local.text());
    URL.revokeObjectURL(one);
    seen.push(await web.takeRequest(kept).local.text(), await web.takeRequest(two).local.text());
    try { web.takeRequest(one) } catch (error) { seen.push(error.name) }
    return seen`;
  t.strictSame(await guest.run(program), [
    true,
    true,
    200,
    'text/x',
    '3',
    'abc',
    'abc',
    'abc',
    'abc',
    'TypeError',
  ]);
});

const ranges: readonly (readonly [string, string | null])[] = [
  ['bytes=0-0', '206 a bytes 0-0/5'],
  ['bytes=1-3', '206 bcd bytes 1-3/5'],
  ['bytes=3-', '206 de bytes 3-4/5'],
  ['bytes=-2', '206 de bytes 3-4/5'],
  ['bytes=-9', '206 abcde bytes 0-4/5'],
  ['bytes=4-99', '206 e bytes 4-4/5'],
  ['bytes=5-6', null],
  ['bytes=3-2', null],
  ['bytes=-', null],
  ['bytes=0-1,2-3', null],
  ['lines=0-1', null],
];
for (const [range, expected] of ranges) {
  void t.test(`blob-url: range ${range} of five bytes gives ${expected ?? 'a network error'}`, async (t) => {
    const program = `const url = URL.createObjectURL(new Blob(['abcde']));
      try {
        const { local } = web.takeRequest(url, { headers: { range: ${JSON.stringify(range)} } });
        return [local.status, await local.text(), local.headers.get('content-range')].join(' ');
      } catch (error) { return error.name }`;
    t.equal(await guest.run(program), expected ?? 'TypeError');
  });
}

void t.test('blob-url: only GET, and only a Blob', async (t) => {
  const program = `const url = URL.createObjectURL(new Blob(['abcde']));
    return [() => web.takeRequest(url, { method: 'HEAD' }), () => URL.createObjectURL({}), () => URL.createObjectURL()]
      .map((run) => { try { run(); return 'done' } catch (error) { return error.name } })`;
  t.strictSame(await guest.run(program), ['TypeError', 'TypeError', 'TypeError']);
});
