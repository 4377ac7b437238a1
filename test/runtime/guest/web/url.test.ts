import { array, constantFrom, oneof, sample, tuple } from 'fast-check';
import t, { type Test } from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

const parts = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;
type Read = new (
  url: string,
  base?: string,
) => Record<(typeof parts)[number], string> & { searchParams: Iterable<unknown> };

/** Runs here and, as text, in the isolate: Node's own URL is the oracle. */
function readUrl(Url: Read, keys: readonly (typeof parts)[number][], url: string, base?: string): unknown {
  try {
    const made = base === undefined ? new Url(url) : new Url(url, base);
    return [keys.map((key) => made[key]), [...made.searchParams]];
  } catch (error) {
    return (error as Error).name;
  }
}
const source = readUrl.toString();

async function compare(t: Test, urls: readonly (readonly [string, string?])[]): Promise<void> {
  const program = `const read = ${source}; return ${JSON.stringify(urls)}.map(([url, base]) => read(URL, ${JSON.stringify(parts)}, url, base ?? undefined))`;
  const ours = (await guest.run(program)) as unknown[];
  for (const [index, [url, base]] of urls.entries())
    t.strictSame(ours[index], readUrl(URL as unknown as Read, parts, url, base), `${url} ${base ?? ''}`);
}

void t.test('url: what the fast path takes and what it must leave read as in Node', async (t) => {
  const hosts = [
    'a',
    'a.b',
    'localhost',
    'A.b',
    'xn--a',
    'a.xn--b',
    'xn--mgbh0fb',
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '256.1.1.1',
    '1.2.3.04',
    'a.1',
    'a.0x1',
    'a_b.c',
    '-a.b-',
    'é.com',
    '例え.jp',
    'a..b',
    '[::1]',
    '[1::2:3]',
    'a%41.b',
    '',
    'a b',
    'ß.de',
  ];
  const ports = ['', ':', ':80', ':443', ':8787', ':0', ':065', ':65535', ':65536', ':x'];
  const paths = [
    '',
    '/',
    '/a',
    '/a/../b',
    '/./a',
    '/.well-known',
    '/%2e/a',
    '/a/%2E%2e',
    '/a/..',
    '/..a',
    '/a%',
    '/é',
    '/ ',
    '/a^b',
    '/a|b',
    '/"',
    "/'",
    '/a\\b',
    '//',
    '/a//b',
    '/{}',
    '/[a]',
    '/a:b@c;d,e',
  ];
  const tails = [
    '',
    '?',
    '#',
    '?a=1&b=2',
    '?a=%C3%A9+x',
    "?a='b'",
    '?a=%zz&b=%ff',
    '?é',
    '? #',
    '#a`b',
    '#a b',
    '?a#b?c#d',
    '?a=`^{}|',
  ];
  const urls: [string][] = [];
  for (const scheme of ['http', 'https', 'HTTP', 'ws']) {
    for (const host of hosts) urls.push([`${scheme}://${host}/x?y=1`]);
    for (const port of ports) urls.push([`${scheme}://a.b${port}/`]);
  }
  for (const path of paths) for (const tail of tails) urls.push([`http://a.b${path}${tail}`]);
  for (const path of paths)
    urls.push([`http://a.b:90${path}`], [`http://u:p@a.b${path}`], [` http://a.b${path}\n`]);
  await compare(t, urls);
});

void t.test('url: other schemes, bases and failures read as in Node', async (t) => {
  const alone = [
    'data:,a b',
    'mailto:a@b',
    'file:///C|/a',
    'file:a',
    'blob:http://a.b/x',
    'about:blank',
    'javascript:1',
    'a',
    '',
    'http:',
    'http://',
    'non-special://h:1/p',
    'ftp://a:21/',
    'wss://a:443/',
    'urn:isbn:1',
  ];
  await compare(t, [
    ['../x?y#z', 'http://a.b/c/d/e'],
    ['//c/d', 'https://a.b/'],
    ['?q', 'http://a.b/c?d#e'],
    ['#h', 'data:text/plain,x'],
    ['x', 'data:text/plain,x'],
    ['http://c/', 'not a url'],
    ['x', 'mailto:a@b'],

    ...alone.map((url): [string] => [url]),
  ]);
});

void t.test('url: any http address reads as in Node', async (t) => {
  const char = constantFrom(...'ab1.-_~/?#&=%+:@!$\'()*,;[]{}|\\^`"<> é\t%2e%41'.split(''));
  const text = array(char, { maxLength: 12 }).map((chars) => chars.join(''));
  const urls = sample(
    tuple(constantFrom('http://', 'https://', 'http://a.b/', 'http://a.b:81/x'), text).map(
      ([head, tail]): [string] => [head + tail],
    ),
    { numRuns: 2000, seed: 7 },
  );
  await compare(t, urls);
});

void t.test('url: any text on any base reads as in Node', async (t) => {
  const char = constantFrom(...'ab1./.../?#&=%+:@!$\'()*,;[]{}|\\^`"<> é\t%2e'.split(''));
  const text = array(char, { maxLength: 10 }).map((chars) => chars.join(''));
  const segments = array(constantFrom('a', '', '.', '..', '%2e', '%2E.', 'b c', 'x:y', '.a', '..b'), {
    maxLength: 5,
  });
  const path = tuple(
    constantFrom('', '/', '//', './', '../', 'http:', 'X:'),
    segments,
    constantFrom('', '?', '?q', '#f', '?q=é#'),
  ).map(([head, all, tail]) => head + all.join('/') + tail);
  const base = tuple(
    constantFrom(
      'http://a.b',
      'https://u:p@a.b:81',
      'ws://1.2.3.4',
      'HTTPS://é.B:443',
      'http://[::1]',
      'foo://a',
      'file://',
    ),
    oneof(path, text).map((all) => `/${all}`),
  ).map((all) => all.join(''));
  const pairs = sample(tuple(oneof(path, text), oneof(base, constantFrom('http://a.b', 'data:x', 'x'))), {
    numRuns: 4000,
    seed: 8,
  });
  await compare(
    t,
    pairs.map(([text, base]): [string, string] => [text, base]),
  );
});

/** Runs here and in the isolate. */
function setPart(Url: typeof URL, url: string, key: string, value: string): unknown {
  const made = new Url(url);
  void made.searchParams;
  (made as unknown as Record<string, string>)[key] = value;
  return [made.href, [...made.searchParams], made.origin];
}

void t.test('url: setters change what they change in Node', async (t) => {
  const cases: [string, string, string][] = [];
  for (const url of ['http://a.b/c?d=1#e', 'http://a.b:81/', 'data:x', 'file:///x', 'https://u:p@h/'])
    for (const key of [
      'protocol',
      'username',
      'password',
      'host',
      'hostname',
      'port',
      'pathname',
      'search',
      'hash',
    ])
      for (const value of [
        '',
        'x',
        'é',
        '80',
        '443x',
        'a:b',
        '/p q',
        '?q=1 2',
        '#f',
        'https',
        'ftp:',
        '..',
        'x.y:9',
      ])
        cases.push([url, key, value]);
  const char = constantFrom(...'ab./?#&=%+:@!$\'()*,;[]{}|\\^`"<> é\t'.split(''));
  const text = array(char, { maxLength: 8 }).map((chars) => chars.join(''));
  cases.push(
    ...sample(
      tuple(
        constantFrom('http://a.b/c?d=1#e', 'https://u:p@1.2.3.4/'),
        constantFrom('pathname', 'search', 'hash', 'host'),
        text,
      ),
      { numRuns: 1500, seed: 9 },
    ),
  );
  const program = `const set = ${setPart.toString()}; return ${JSON.stringify(cases)}.map(([u, k, v]) => set(URL, u, k, v))`;
  const ours = (await guest.run(program)) as unknown[];
  for (const [index, [url, key, value]] of cases.entries())
    t.strictSame(ours[index], setPart(URL, url, key, value), `${url} ${key} = ${value}`);
});

void t.test('url: href can be set and refuses what cannot be parsed', async (t) => {
  const program = `const u = new URL('http://a.b/?x=1'); const p = u.searchParams; u.href = 'https://c.d/?y=2';
    let name; try { u.href = 'nope' } catch (e) { name = e.name }
    return [u.href, [...p], p === u.searchParams, name, JSON.stringify({ u }), String(u)]`;
  t.strictSame(await guest.run(program), [
    'https://c.d/?y=2',
    [['y', '2']],
    true,
    'TypeError',
    '{"u":"https://c.d/?y=2"}',
    'https://c.d/?y=2',
  ]);
});

void t.test('url: canParse, parse and missing arguments', async (t) => {
  const program = `return [URL.canParse('http://a'), URL.canParse('a'), URL.canParse('a', 'http://b'), URL.parse('a'), URL.parse('a', 'http://b').href,
    (() => { try { new URL() } catch (e) { return e.name } })()]`;
  t.strictSame(await guest.run(program), [true, false, true, null, 'http://b/a', 'TypeError']);
});

void t.test('url: more names beyond ASCII than are remembered', async (t) => {
  const program = `const all = []; for (let turn = 0; turn < 2; turn++) for (let i = 0; i < 200; i++) all.push(new URL('http://é' + i + '.example/').hostname);
    return [new Set(all).size, all[0], all[200], all[399]]`;
  const last = new URL('http://é199.example/').hostname;
  const first = new URL('http://é0.example/').hostname;
  t.strictSame(await guest.run(program), [200, first, first, last]);
});
