import type { IncomingHttpHeaders } from 'node:http';
import t from 'tap';
import type { Test } from 'tap';
import { temporaryServer } from '#test/support/store-server.ts';
import { temporaryFetch, textOf, valueOf } from '#test/support/store-fetch.ts';
import type { Fetch } from '#test/support/store-fetch.ts';
import { temporaryTlsServer } from '#test/support/tls-server.ts';

const resolve = async (): Promise<readonly { address: string; family: number }[]> => [
  { address: '127.0.0.1', family: 4 },
];
const secrets = { API_KEY: 'sk-very-secret', OTHER: 'another', LINE: 'from-a-file\n', BROKEN: 'two\nlines' };

interface Seen {
  readonly host: string;
  readonly headers: IncomingHttpHeaders;
}

/** A TLS server that notes what it gets, and redirects where it is asked to. */
async function listening(t: Test): Promise<{ readonly port: number; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const port = await temporaryTlsServer(t, ({ url, headers }, response) => {
    seen.push({ host: headers.host ?? '', headers });
    const to = new URL(url ?? '', 'https://x').searchParams.get('to');
    if (to !== null) response.writeHead(302, { location: to });
    response.end('ok');
  });
  return { port, seen };
}

const entry = (port: number, value: string, name = 'authorization') => ({
  host: 'api.test',
  port,
  name,
  value,
});

function filling(t: Test, port: number, headers: readonly ReturnType<typeof entry>[]): Fetch {
  return temporaryFetch(t, {
    resolve,
    secrets,
    egress: { headers, private: [`api.test:${port}`, `other.test:${port}`, `127.0.0.1:${port}`] },
  });
}

void t.test('secretless: the host fills the header in, over what the guest sent', async (t) => {
  const { port, seen } = await listening(t);
  const fetch = filling(t, port, [
    entry(port, 'Bearer ${API_KEY}'),
    entry(port, '${API_KEY}:${OTHER}', 'x-both'),
    entry(port, '${LINE}', 'x-line'),
  ]);
  const url = `https://api.test:${port}/`;
  await fetch({ url, headers: ['Authorization', 'Bearer mine', 'x-both', 'mine', 'x-kept', 'yes'] });
  t.match(seen[0]?.headers, {
    authorization: 'Bearer sk-very-secret',
    'x-both': 'sk-very-secret:another',
    'x-line': 'from-a-file',
    'x-kept': 'yes',
  });
});

void t.test('secretless: no other host, port, spelling or scheme gets the header', async (t) => {
  const { port, seen } = await listening(t);
  const fetch = filling(t, port, [entry(port, 'Bearer ${API_KEY}')]);
  await fetch({ url: `https://other.test:${port}/` });
  await fetch({ url: `https://127.0.0.1:${port}/` });
  t.equal(seen.length, 2);
  const plain = await temporaryServer(t, ({ headers }, response) => response.end(JSON.stringify(headers)));
  const elsewhere = temporaryFetch(t, {
    resolve,
    secrets,
    egress: { headers: [entry(port, '${API_KEY}')], private: ['api.test'] },
  });
  const other = await elsewhere({ url: `http://api.test:${new URL(plain).port}/` });
  t.notMatch(await textOf(other), /sk-very-secret/, 'another port of the same host');
  for (const { host, headers } of seen) t.notOk('authorization' in headers, host);
});

void t.test(
  'secretless: a redirect to another host carries nothing of it; back home it is there again',
  async (t) => {
    const { port, seen } = await listening(t);
    const fetch = filling(t, port, [entry(port, 'Bearer ${API_KEY}'), entry(port, '${OTHER}', 'x-key')]);
    const home = `https://api.test:${port}/`;
    const away = `https://other.test:${port}/?to=${encodeURIComponent(home)}`;
    const answer = await fetch({ url: `${home}?to=${encodeURIComponent(away)}` });
    t.equal(valueOf(answer).url, home);
    t.same(
      seen.map(({ host, headers }) => [host, headers.authorization, headers['x-key']]),
      [
        [`api.test:${port}`, 'Bearer sk-very-secret', 'another'],
        [`other.test:${port}`, undefined, undefined],
        [`api.test:${port}`, 'Bearer sk-very-secret', 'another'],
      ],
    );
  },
);

void t.test('secretless: over plain http only to a host that is granted as private', async (t) => {
  const origin = await temporaryServer(t, ({ headers }, response) => response.end(headers.authorization));
  const port = Number(new URL(origin).port);
  const url = `http://api.test:${port}/`;
  const headers = [entry(port, 'Bearer ${API_KEY}')];
  const granted = temporaryFetch(t, { resolve, secrets, egress: { headers, private: [`api.test:${port}`] } });
  t.equal(await textOf(await granted({ url })), 'Bearer sk-very-secret');
  const fetch = temporaryFetch(t, { resolve, secrets, egress: { headers, private: [] } });
  await t.rejects(fetch({ url }), { code: 'ERR_EGRESS_REFUSED' });
});

void t.test(
  'secretless: a secret that is not set, or that no header carries, is named and nothing is sent',
  async (t) => {
    const { port, seen } = await listening(t);
    const url = `https://api.test:${port}/`;
    const ask = async (value: string): Promise<Error & { code?: string }> =>
      filling(t, port, [entry(port, value)])({ url }).then(
        () => new Error('sent'),
        (error: unknown) => error as Error,
      );
    const missing = await ask('Bearer ${MISSING}');
    t.equal(missing.code, 'ERR_NO_SECRET');
    t.match(missing.message, /MISSING/);
    const broken = await ask('Bearer ${BROKEN}');
    t.equal(broken.code, 'ERR_FETCH_FAILED');
    t.notMatch(broken.message, /two|lines/);
    t.equal((await ask('${constructor}')).code, 'ERR_NO_SECRET');
    t.equal(seen.length, 0);
  },
);

void t.test('secretless: a certificate for another name gets no header', async (t) => {
  const { port, seen } = await listening(t);
  const fetch = temporaryFetch(t, {
    resolve,
    secrets,
    egress: {
      headers: [{ host: 'impostor.test', port, name: 'authorization', value: '${API_KEY}' }],
      private: ['impostor.test'],
    },
  });
  await t.rejects(fetch({ url: `https://impostor.test:${port}/` }), { code: 'ERR_FETCH_FAILED' });
  t.equal(seen.length, 0);
});

void t.test('egress: the trace goes on with a fetch, unless the guest has its own', async (t) => {
  const origin = await temporaryServer(t, ({ headers }, response) =>
    response.end(String(headers['traceparent'])),
  );
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const fetch = temporaryFetch(t, { origin: { traceparent } });
  t.equal(await textOf(await fetch({ url: origin })), traceparent);
  t.equal(await textOf(await fetch({ url: origin, headers: ['TraceParent', 'own'] })), 'own');
  t.equal(await textOf(await temporaryFetch(t)({ url: origin })), 'undefined');
});

void t.test('egress: headers of the connection an answer came over stay behind', async (t) => {
  const origin = await temporaryServer(t, (_, response) => {
    response.writeHead(200, {
      connection: 'close, x-hop',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'x-kept': '2',
    });
    response.write('chunked');
    response.end();
  });
  const { headers } = valueOf(await temporaryFetch(t)({ url: origin }));
  const names = headers.filter((_, index) => index % 2 === 0);
  t.ok(names.includes('x-kept'));
  for (const name of ['connection', 'x-hop', 'keep-alive', 'transfer-encoding'])
    t.notOk(names.includes(name), name);
});
