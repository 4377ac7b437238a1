/**
 * What the web part repeats, in an isolate and in Node alike: a script whose value holds a function for each case that does
 * it `n` times and gives something that depends on every time, so that V8 leaves nothing out.
 */
export const webCases: string = `(() => {
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(23).slice(0, 1024);
  const mixed = 'Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. '.repeat(18).slice(0, 1024);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const ascii = encoder.encode(text);
  const umlauts = encoder.encode(mixed);
  const record = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-request-id': '4711' };
  const headers = new Headers(record);
  const repeat = (run) => (n) => { let sum = 0; for (let i = 0; i < n; i++) sum += run(i); return sum; };
  return {
    'new URL(plain).pathname': repeat((i) => new URL('https://shop.example.com/items/' + i + '?page=2').pathname.length),
    'new URL(relative, base).href': repeat((i) => new URL('../item/' + i, 'https://shop.example.com/a/b?c').href.length),
    'new URL(path, origin).href': repeat((i) => new URL('/item/' + i, 'https://shop.example.com').href.length),
    'url.searchParams.get': repeat((i) => new URL('https://shop.example.com/?a=1&item=' + i).searchParams.get('item').length),
    'new URL with an IDN host': repeat((i) => new URL('https://bücher.example/' + i).host.length),
    'new URL, each host another IDN': repeat((i) => new URL('https://bücher' + i + '.example/').host.length),
    'new URL(to be escaped).href': repeat((i) => new URL('https://shop.example.com/a b/é' + i).href.length),
    'new Headers(record).get': repeat(() => new Headers(record).get('Content-Type').length),
    'headers.get': repeat(() => headers.get('x-request-id').length),
    'new Response(text)': repeat(() => new Response('x').status),
    'new Response(text, { headers })': repeat(() => new Response('x', { status: 201, headers: record }).status),
    'Response.json(object)': repeat((i) => Response.json({ id: i, name: 'tea' }).status),
    'new Request(url)': repeat((i) => new Request('https://shop.example.com/' + i).url.length),
    'response.clone()': repeat(() => new Response('x').clone().status),
    'decode 1 KB of ASCII': repeat(() => decoder.decode(ascii).length),
    'decode 1 KB of UTF-8': repeat(() => decoder.decode(umlauts).length),
    'encode 1 KB of ASCII': repeat(() => encoder.encode(text).length),
  };
})()`;
