import t from 'tap';
import { KnownHead } from '#host/http/known-head.ts';

const raw = ['Host', 'a.test', 'Accept', '*/*', 'X-Forwarded-For', '9.9.9.9', 'X-Forwarded-Prefix', '/out'];
const here = { host: 'a.test', prefix: '', ip: '1.2.3.4' };

void t.test('known head: fits the same headers only, read with the same trust', async (t) => {
  const known = new KnownHead(raw, false);
  t.ok(known.fits([...raw], false));
  t.notOk(known.fits(raw, true));
  t.notOk(known.fits(raw.slice(2), false));
  for (let at = 0; at < raw.length; at++) t.notOk(known.fits(raw.with(at, 'other'), false));
});

void t.test('known head: the headers of a guest follow its host and its prefix', async (t) => {
  const known = new KnownHead(raw, false);
  const expected = (host: string, ...more: string[]): string[] => [
    'accept',
    '*/*',
    'host',
    host,
    'x-forwarded-for',
    '1.2.3.4',
    'x-forwarded-proto',
    'http',
    ...more,
  ];
  for (let round = 0; round < 2; round++) {
    t.same(known.forGuest(here).list, expected('a.test'));
    t.same(known.forGuest({ ...here, host: 'b.test' }).list, expected('b.test'));
    const { list, json } = known.forGuest({ ...here, prefix: '/shop' });
    t.same(list, expected('a.test', 'x-forwarded-prefix', '/shop'));
    t.same(JSON.parse(json), list);
  }
  t.equal(known.forGuest(here), known.forGuest(here));
});

void t.test('known head: a trusted proxy adds to what it said', async (t) => {
  const { list } = new KnownHead(raw, true).forGuest({ ...here, prefix: '/shop' });
  t.equal(list[list.indexOf('x-forwarded-for') + 1], '9.9.9.9, 1.2.3.4');
  t.equal(list[list.indexOf('x-forwarded-prefix') + 1], '/out/shop');
});

void t.test('known head: large ones are not for keeping', async (t) => {
  const sized = (length: number): KnownHead => {
    const known = new KnownHead(['Host', 'a.test', 'Cookie', 'c'.repeat(length)], false);
    known.forGuest(here);
    return known;
  };
  t.ok(sized(3900).small);
  t.notOk(sized(4096).small);
  t.notOk(new KnownHead(raw, false).small, 'nobody asked for its headers yet');
});
