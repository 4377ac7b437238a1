import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

await t.test('web: each part of the platform works inside a cell', async (t) => {
  const upstream = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => response.write(`upstream got ${text}`));
    request.on('end', () => response.end());
  });
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const test = await openTestHost(t);
  const vars = { UPSTREAM: `http://127.0.0.1:${port}/` };
  // All parts of the bundle run in its first request.
  const limits = { cpuMs: 500 };
  await test.deployGuest('web', 'web-platform.js', {
    vars,
    limits,
    egress: { private: [`127.0.0.1:${port}`] },
  });
  const { uuid, ...results } = JSON.parse((await test.request('/web/')).text) as Record<string, unknown>;
  t.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const digest = (algorithm: string): string => createHash(algorithm).update('abc').digest('hex');
  t.same(results, {
    request: 'x',
    response: 1,
    headers: [
      ['a', '2'],
      ['b', '1, 3'],
    ],
    url: 'http://a/c?d#e',
    params: ['1', '2'],
    encoding: 'grün',
    streams: 'cba',
    blob: 'bc',
    file: 'name.txt',
    form: 'inside',
    abort: 'AbortError',
    events: 'ping',
    timers: 'fired',
    microtask: 'ran',
    clone: 0,
    base64: 'abc',
    random: true,
    sha1: digest('sha1'),
    sha256: digest('sha256'),
    sha384: digest('sha384'),
    sha512: digest('sha512'),
    console: null,
    performance: true,
    fetch: 'upstream got sent out',
  });
  const lines = await Array.fromAsync(test.host.logs({ function: 'web', tail: 10 }));
  t.match(lines, [{ level: 'log', message: 'a line { of: [ 1, 2 ] }' }]);
});
