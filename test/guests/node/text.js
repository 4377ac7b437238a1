// Everything here must say in Node what it says in a function.
import path, { posix } from 'node:path';
import punycode from 'node:punycode';
import querystring from 'node:querystring';
import { StringDecoder } from 'node:string_decoder';
import url, { fileURLToPath, pathToFileURL } from 'node:url';

const paths = ['', '.', '/', 'a/b/../c', '/a//b/./c/', '../../x', 'a.b/c.d.e', '/a/b/', 'C:\\a\\b'];
const addresses = ['http://u:p@host:80/p/a?q=1&r#h', '/p?x', '//host/p', 'mailto:a@b.c', 'javascript:x', ''];

export async function run() {
  const decoder = new StringDecoder('utf8');
  return {
    normal: paths.map((path_) => path.normalize(path_)),
    parts: paths.map((path_) => path.parse(path_)),
    pairs: paths.flatMap((one) =>
      paths.map((other) => [path.join(one, other), path.relative('/' + one, '/' + other)]),
    ),
    absolute: paths.map((path_) => [
      path.isAbsolute(path_),
      path.resolve('/root', path_),
      path.extname(path_),
    ]),
    same: posix.join('a', 'b'),
    query: [
      querystring.parse('a=1&b=2&a=3&c=%20+x&d'),
      querystring.stringify({ a: [1, 2], b: 'ü &', c: '' }),
      querystring.escape('ü/'),
      querystring.unescape('%C3%BC%'),
    ],
    urls: addresses.map((address) => {
      const { protocol, auth, host, port, pathname, search, query, hash, href } = url.parse(address);
      return { protocol, auth, host, port, pathname, search, query, hash, href };
    }),
    formats: [
      url.format({ protocol: 'https', host: 'a.b', pathname: '/x', query: { y: 1 } }),
      url.resolve('http://a.b/c/d', '../e'),
      fileURLToPath('file:///a/b%20c'),
      pathToFileURL('/a/b c').href,
    ],
    decoded: [
      decoder.write(new Uint8Array([0xe2, 0x82])),
      decoder.write(new Uint8Array([0xac])),
      decoder.end(new Uint8Array([0xe2])),
    ],
    punycode: [punycode.toASCII('mañana.com'), punycode.toUnicode('xn--maana-pta.com')],
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
