// Everything here must say in Node what it says in a function.
import path, { posix } from 'node:path';
import punycode from 'node:punycode';
import querystring from 'node:querystring';
import { StringDecoder } from 'node:string_decoder';
import url, {
  URLPattern as Pattern,
  URLSearchParams as Params,
  domainToASCII,
  domainToUnicode,
  fileURLToPath,
  pathToFileURL,
  urlToHttpOptions,
} from 'node:url';

const paths = ['', '.', '/', 'a/b/../c', '/a//b/./c/', '../../x', 'a.b/c.d.e', '/a/b/', 'C:\\a\\b'];
const addresses = ['http://u:p@host:80/p/a?q=1&r#h', '/p?x', '//host/p', 'mailto:a@b.c', 'javascript:x', ''];

const wrongFiles = ['http://a/b', 'file://host/a', 'file:///a%2Fb', 'no address', 5, undefined];
const codeOf = (act) => {
  try {
    return act();
  } catch ({ name, code }) {
    return [name, code];
  }
};
/** What is written in pieces, a byte at a time. */
const inPieces = (encoding, bytes) => {
  const decoder = new StringDecoder(encoding);
  return [...Array.from(bytes, (byte) => decoder.write(Buffer.from([byte]))), decoder.end()];
};
const international = new URL('https://u:p@xn--maana-pta.com:8080/a?b#c');

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
    classes: [
      url.URL === URL,
      Params === URLSearchParams,
      url.URLSearchParams === URLSearchParams,
      Pattern === URLPattern,
    ],
    domains: ['español.com', 'xn--iñvalid.com', 'a.b/c', 'x', '', '127.1'].map((name) => domainToASCII(name)),
    shown: ['xn--espaol-zwa.com', 'xn--iñvalid.com', 'plain'].map((name) => domainToUnicode(name)),
    options: ['https://a:b%20c@[::1]:81/p?q#h', 'http://host'].map((address) =>
      urlToHttpOptions(new URL(address)),
    ),
    addresses: [
      url.format(international),
      url.format(international, { auth: false, fragment: false, search: false, unicode: true }),
      url.format(new URL('mailto:a@b?c#d'), { search: false }),
      url.format('http://a b/'),
    ],
    wrong: [
      ...wrongFiles.map((file) => codeOf(() => fileURLToPath(file))),
      codeOf(() => pathToFileURL(5)),
      codeOf(() => url.parse(5)),
    ],
    named: [fileURLToPath(new URL('file:///a%20b')), pathToFileURL('/a?b#c%').href],
    pieces: [
      inPieces('utf16le', Buffer.from('a€😀', 'utf16le')),
      inPieces('base64', [1, 2, 3, 4, 5]),
      inPieces('base64url', [0xfb, 0xff, 0xfe, 0xff]),
      new StringDecoder('BASE64URL').encoding,
      new StringDecoder(null).encoding,
      codeOf(() => new StringDecoder('utf-7')),
      inPieces('hex', [1, 0xab]),
      inPieces('latin1', [0x61, 0xe4]),
      inPieces('utf8', [0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82]),
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
