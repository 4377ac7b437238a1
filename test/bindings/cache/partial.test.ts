import t from 'tap';
import { pieceBytes } from '#bindings/cache/limits.ts';
import { temporaryCaches, textOf } from '#test/support/attach-cache.ts';

const url = 'http://a.test/';
const modified = 'Mon, 01 Jan 2024 00:00:00 GMT';
const headers = ['etag', '"e"', 'last-modified', modified, 'content-length', '10'];

const asked: readonly (readonly [readonly string[], string])[] = [
  [[], '200 0123456789'],
  [['if-none-match', '"e"'], '304 '],
  [['if-none-match', 'W/"e", "x"'], '304 '],
  [['if-none-match', '*'], '304 '],
  [['if-none-match', '"x"'], '200 0123456789'],
  [['if-modified-since', modified], '304 '],
  [['if-modified-since', 'Sun, 31 Dec 2023 23:59:59 GMT'], '200 0123456789'],
  [['if-modified-since', 'never'], '200 0123456789'],
  [['if-none-match', '"x"', 'if-modified-since', modified], '200 0123456789'],
  [['range', 'bytes=2-4'], '206 234 bytes 2-4/10'],
  [['range', 'bytes=8-'], '206 89 bytes 8-9/10'],
  [['range', 'bytes=-1'], '206 9 bytes 9-9/10'],
  [['range', 'bytes=10-'], '200 0123456789'],
  [['range', 'bytes=0-1,3-4'], '200 0123456789'],
  [['range', 'bytes=2-4', 'if-range', '"e"'], '206 234 bytes 2-4/10'],
  [['range', 'bytes=2-4', 'if-range', '"x"'], '200 0123456789'],
  [['range', 'bytes=2-4', 'if-range', modified], '206 234 bytes 2-4/10'],
];
for (const [request, expected] of asked) {
  void t.test(`cache: a match with ${request.join(': ') || 'nothing'} answers ${expected}`, async (t) => {
    const caches = temporaryCaches(t);
    await caches.put(url, '0123456789', { headers });
    const answer = await caches.call('match', { url, headers: request });
    const { status, headers: sent } = answer.value as { status: number; headers: string[] };
    const at = sent.indexOf('content-range');
    const range = at < 0 ? '' : ` ${sent[at + 1]}`;
    t.equal(`${status} ${await textOf(answer)}${range}`, expected);
    const length = sent.flatMap((name, index) => (name === 'content-length' ? [sent[index + 1]] : []));
    t.same(length, [status === 206 ? `${(await textOf(answer)).length}` : '10']);
  });
}

void t.test('cache: a part of a body in pieces crosses them', async (t) => {
  const caches = temporaryCaches(t);
  const body = '0123456789'.repeat(pieceBytes / 4);
  await caches.put(url, body);
  const range = ['range', `bytes=${pieceBytes - 3}-${pieceBytes * 2 + 3}`];
  const text = await caches.text(url, { headers: range });
  t.ok(text === body.slice(pieceBytes - 3, pieceBytes * 2 + 4));
});

void t.test('cache: only a 200 has parts and conditions', async (t) => {
  const caches = temporaryCaches(t);
  await caches.put(url, '0123456789', { headers, status: 404 });
  const { value } = await caches.call('match', {
    url,
    headers: ['if-none-match', '"e"', 'range', 'bytes=0-1'],
  });
  t.match(value, { status: 404 });
});
