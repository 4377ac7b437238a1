import t from 'tap';
import { readPlainRequest } from '#host/http/plain-request.ts';

const read = (...lines: string[]): ReturnType<typeof readPlainRequest> =>
  readPlainRequest(Buffer.from(lines.join('\r\n'), 'latin1'), undefined);

void t.test('plain request: the usual head is read as node:http reads it', (t) => {
  const request = read('GET /a/b?c=%20&d HTTP/1.1', 'Host: h:1', 'X-A:  b c\t', 'x-a:', '', '');
  t.match(request, { method: 'GET', target: '/a/b?c=%20&d', body: undefined });
  t.strictSame(request?.fields.raw, ['Host', 'h:1', 'X-A', 'b c', 'x-a', '']);
  t.equal(request?.fields.last, false);
  t.equal(read('GET / HTTP/1.1', 'Host: h', 'Connection: Close', '', '')?.fields.last, true);
  t.end();
});

void t.test('plain request: a sized body that is here is taken, one byte more or less is not', (t) => {
  const post = (length: string, body: string): ReturnType<typeof read> =>
    read('POST / HTTP/1.1', 'Host: h', `Content-Length: ${length}`, '', body);
  t.strictSame(post('5', 'hello')?.body, Buffer.from('hello'));
  t.equal(post('5', 'hell'), undefined);
  t.equal(post('5', 'hello!'), undefined);
  t.equal(post('0', '')?.body, undefined);
  for (const length of ['+5', '05', '5,5', '0x5', '5 5', '-5', '', '1e1'])
    t.equal(post(length, 'hello'), undefined, length);
  t.end();
});

void t.test('plain request: whatever could be framed or read in another way is node:http’s', (t) => {
  const heads: readonly string[][] = [
    ['GET / HTTP/1.0', 'Host: h'],
    ['GET / HTTP/1.1'],
    ['GET / HTTP/1.1', 'Host: h', 'Host: h'],
    ['GET / HTTP/1.1', 'Host: a b'],
    ['GET / HTTP/1.1', 'Host: '],
    ['GET  / HTTP/1.1', 'Host: h'],
    ['GET / HTTP/1.1 ', 'Host: h'],
    ['get / HTTP/1.1', 'Host: h'],
    ['BREW / HTTP/1.1', 'Host: h'],
    ['TRACE / HTTP/1.1', 'Host: h'],
    ['OPTIONS * HTTP/1.1', 'Host: h'],
    ['GET http://h/ HTTP/1.1', 'Host: h'],
    ['GET /#a HTTP/1.1', 'Host: h'],
    ['GET /\u00e4 HTTP/1.1', 'Host: h'],
    ['GET /a"b HTTP/1.1', 'Host: h'],
    ['', 'GET / HTTP/1.1', 'Host: h'],
    ['GET / HTTP/1.1', ' Host: h'],
    ['GET / HTTP/1.1', 'Host : h'],
    ['GET / HTTP/1.1', 'Host: h', 'a: b', ' folded'],
    ['GET / HTTP/1.1', 'Host: h', 'no colon'],
    ['GET / HTTP/1.1', 'Host: h', ': no name'],
    ['GET / HTTP/1.1', 'Host: h', 'a\u0000: b'],
    ['GET / HTTP/1.1', 'Host: h', 'a: b\u0000'],
    ['GET / HTTP/1.1', 'Host: h', 'a: b\rc: d'],
    ['GET / HTTP/1.1', 'Host: h', 'a: b\nc: d'],
    ['GET / HTTP/1.1', 'Host: h', 'a: \u00e4'],
    ['GET / HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked'],
    ['GET / HTTP/1.1', 'Host: h', 'transfer-encoding: identity'],
    ['GET / HTTP/1.1', 'Host: h', 'Content-Length: 0', 'Content-Length: 0'],
    ['GET / HTTP/1.1', 'Host: h', 'Expect: 100-continue'],
    ['GET / HTTP/1.1', 'Host: h', 'Upgrade: websocket'],
    ['GET / HTTP/1.1', 'Host: h', 'Connection: upgrade'],
    ['GET / HTTP/1.1', 'Host: h', 'Connection: keep-alive, x-a'],
    ['GET / HTTP/1.1', 'Host: h', 'Connection: close', 'Connection: close'],
    ['GET / HTTP/1.1', 'Host: h', 'Proxy-Connection: close'],
    ['GET / HTTP/1.1', 'Host: h', 'HTTP2-Settings: x'],
    ['GET / HTTP/1.1', 'Host: h', 'Trailer: x'],
  ];
  for (const head of heads) t.equal(read(...head, '', ''), undefined, JSON.stringify(head));
  t.equal(read('GET / HTTP/1.1', 'Host: h'), undefined, 'half a head');
  t.equal(read('GET / HTTP/1.1', 'Host: h', '', 'GET / HTTP/1.1', 'Host: h', '', ''), undefined, 'two');
  t.end();
});

void t.test('plain request: a head of 8 KB and 100 fields, and no more', (t) => {
  const start = 'GET / HTTP/1.1\r\nHost: h\r\na: \r\n\r\n'.length;
  const sized = (bytes: number): ReturnType<typeof read> =>
    read('GET / HTTP/1.1', 'Host: h', `a: ${'x'.repeat(bytes - start)}`, '', '');
  t.ok(sized(8192));
  t.equal(sized(8193), undefined);
  const many = (fields: number): ReturnType<typeof read> =>
    read('GET / HTTP/1.1', 'Host: h', ...Array.from({ length: fields - 1 }, () => 'a: b'), '', '');
  t.ok(many(100));
  t.equal(many(101), undefined);
  t.end();
});

void t.test('plain request: fields that come again are known, others are read', (t) => {
  const first = read('GET /a HTTP/1.1', 'Host: h', 'a: b', '', '');
  const again = (...lines: string[]): ReturnType<typeof read> =>
    readPlainRequest(Buffer.from(lines.join('\r\n')), first);
  t.equal(again('GET /b HTTP/1.1', 'Host: h', 'a: b', '', '')?.fields, first?.fields);
  const other = again('GET /b HTTP/1.1', 'Host: h', 'a: c', '', '');
  t.strictSame(other?.fields.raw, ['Host', 'h', 'a', 'c']);
  t.equal(again('GET /b HTTP/1.1', 'Host: h', 'a: b', '', 'x'), undefined);
  t.equal(again('GET /b HTTP/1.1', 'Host: h', 'a: b', 'Content-Length: 1', '', 'x')?.body?.length, 1);
  t.end();
});

void t.test('plain request: the same bytes are the same request, unless a body must follow', (t) => {
  const get = Buffer.from('GET /a HTTP/1.1\r\nHost: h\r\n\r\n');
  const first = readPlainRequest(get, undefined);
  t.ok(first);
  t.equal(readPlainRequest(get, first), first);
  t.equal(readPlainRequest(Buffer.concat([get, get]), first), undefined, 'two are not one');
  t.equal(readPlainRequest(get.subarray(0, -1), first), undefined, 'nor is a part of it');
  const head = Buffer.from('POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n');
  const post = readPlainRequest(Buffer.concat([head, Buffer.from('ab')]), undefined);
  t.equal(post?.body?.toString(), 'ab');
  const kept = post && { ...post, body: undefined };
  t.equal(readPlainRequest(head, kept), undefined, 'its body is not here');
  t.equal(readPlainRequest(Buffer.concat([head, Buffer.from('cd')]), kept)?.body?.toString(), 'cd');
  t.end();
});
