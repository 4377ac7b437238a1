import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { Guard } from '#bindings/fetch/guard.ts';
import type { Resolve } from '#bindings/fetch/guard.ts';
import { temporaryServer } from '#test/support/store-server.ts';
import { temporaryFetch, textOf } from '#test/support/store-fetch.ts';

const refused = { code: 'ERR_EGRESS_REFUSED' };
const nothing = { private: [] };

/** What connects to this machine is counted. */
async function countingPort(t: Test): Promise<{ readonly port: number; connections: number }> {
  const server = createServer((socket) => {
    counted.connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  t.teardown(() => server.close());
  const counted = { port: (server.address() as AddressInfo).port, connections: 0 };
  return counted;
}

/** A resolver of our own: each name leads to what it is told to, one answer after the other. */
function answering(table: Readonly<Record<string, readonly (readonly string[])[]>>): Resolve {
  const asked = new Map<string, number>();
  return async (hostname) => {
    const turn = asked.get(hostname) ?? 0;
    asked.set(hostname, turn + 1);
    const answers = table[hostname];
    const found = answers?.[Math.min(turn, answers.length - 1)];
    if (found === undefined) throw Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
    return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
}

/** Every way to write an address that URL parsers and resolvers are known to take. */
const spellings: readonly string[] = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0x7F.0x0.0x0.0x1',
  '017700000001',
  '0177.0.0.1',
  '0177.0x0.0.1',
  '%31%32%37.0.0.1',
  '127。0。0。1',
  '127．0．0．1',
  '127｡0｡0｡1',
  '１２７.0.0.1',
  '①②⑦.⓪.⓪.①',
  '0',
  '0.0.0.0',
  '0x0',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '169.254.169.254',
  '0xa9fea9fe',
  '2852039166',
  '100.100.100.200',
  '168.63.129.16',
  '10.0.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '192.0.2.1',
  '224.0.0.1',
  '255.255.255.255',
  'localhost',
  'LOCALHOST',
  'lOcAlHoSt',
  'ⓛocalhost',
  'local\u00adhost',
];

void t.test('egress: no spelling of an address gets past, and nothing is connected to', async (t) => {
  const counted = await countingPort(t);
  const fetch = temporaryFetch(t, { egress: nothing });
  for (const spelling of spellings) {
    await t.rejects(fetch({ url: `http://${spelling}:${counted.port}/` }), refused, spelling);
    await t.rejects(fetch({ url: `https://${spelling}:${counted.port}/` }), refused, `${spelling}, TLS`);
  }
  t.equal(counted.connections, 0);
});

void t.test('egress: what resolvers and parsers differ about leads nowhere either', async (t) => {
  const counted = await countingPort(t);
  const fetch = temporaryFetch(t, { egress: nothing });
  const { port } = counted;
  for (const url of [
    `http://localhost.:${port}/`,
    `http://ip6-localhost:${port}/`,
    `http://foo.localhost:${port}/`,
    `http:127.0.0.1:${port}/`,
    `http:/\\127.0.0.1:${port}/`,
    `http:\\\\127.0.0.1:${port}/`,
    ` \thttp://127.0.0.1:${port}/`,
    `http://127.0.0.\n1:${port}/`,
    `http://1.1.1.1@127.0.0.1:${port}/`,
    `http://1.1.1.1:80@127.0.0.1:${port}/`,
    `http://127.0.0.1:${port}#@1.1.1.1/`,
    `http://127.0.0.1:${port}?@1.1.1.1/`,
    `http://[::ffff:0:127.0.0.1]:${port}/`,
    `http://[0000:0000:0000:0000:0000:ffff:7f00:0001]:${port}/`,
    `http://[64:ff9b::7f00:1]:${port}/`,
    `http://127.0.0.256:${port}/`,
    `http://4294967296:${port}/`,
    `http://127.0.0.1.nip.io.invalid:${port}/`,
  ])
    await t.rejects(fetch({ url }), Error, url);
  t.equal(counted.connections, 0);
});

void t.test('egress: an address with a zone is no URL, credentials are no way to hide a host', async (t) => {
  const fetch = temporaryFetch(t, { egress: nothing });
  for (const url of ['http://[fe80::1%25eth0]/', 'http://[::1%lo]/', 'http://example.com@127.0.0.1/'])
    await t.rejects(fetch({ url }), TypeError, url);
  await t.rejects(fetch({ url: 'http://127.0.0.1\\@example.com:1/' }), refused);
});

void t.test('egress: a name is judged by what it leads to, by all that it leads to', async (t) => {
  const counted = await countingPort(t);
  const leads = ['127.0.0.1', '10.1.2.3', '169.254.169.254', '::1', '::ffff:127.0.0.1', 'fe80::1', '0.0.0.0'];
  const names = leads.map((address, index) => [`n${index}.test`, [[address]]] as const);
  const resolve = answering({ ...Object.fromEntries(names), 'all.test': [leads] });
  const fetch = temporaryFetch(t, { egress: nothing, resolve });
  for (const [name] of names) {
    await t.rejects(fetch({ url: `http://${name}:${counted.port}/` }), refused, name);
    await t.rejects(fetch({ url: `https://${name}:${counted.port}/` }), refused, `${name}, TLS`);
  }
  await t.rejects(fetch({ url: `http://all.test:${counted.port}/` }), refused);
  t.equal(counted.connections, 0);
});

void t.test('egress: of several addresses only those that may be called are handed on', async (t) => {
  const resolve = answering({ 'mixed.test': [['127.0.0.1', '1.1.1.1', '::1', '2606:4700:4700::1111']] });
  const guard = new Guard({ private: [] }, { allowPrivate: true, resolve });
  const found = await new Promise((done) => {
    guard.lookup({ isGranted: false })('mixed.test', { all: true }, (_, addresses) => done(addresses));
  });
  t.match(found, [{ address: '1.1.1.1' }, { address: '2606:4700:4700::1111' }]);
  const first = await new Promise((done) => {
    guard.lookup({ isGranted: false })('mixed.test', {}, (_, address) => done(address));
  });
  t.equal(first, '1.1.1.1');
});

void t.test('egress: a name that changes its mind is looked up once for a connection', async (t) => {
  const origin = await temporaryServer(t, (_, response) => response.end('inside'));
  const { port } = new URL(origin);
  let lookups = 0;
  const rebinding = answering({ 'rebind.test': [['192.0.2.1'], ['127.0.0.1']] });
  const resolve: Resolve = (hostname) => {
    lookups += 1;
    return rebinding(hostname);
  };
  const fetch = temporaryFetch(t, { egress: nothing, resolve });
  for (let turn = 1; turn <= 3; turn += 1) {
    await t.rejects(fetch({ url: `http://rebind.test:${port}/` }), refused);
    t.equal(lookups, turn, 'what was checked is what would have been connected to');
  }
});

void t.test('egress: what a name says the second time is not what is connected to', async (t) => {
  const counted = await countingPort(t);
  for (const scheme of ['http', 'https']) {
    let lookups = 0;
    const rebinding = answering({ 'rebind.test': [['1.1.1.1', '2606:4700:4700::1111'], ['127.0.0.1']] });
    const resolve: Resolve = (hostname) => {
      lookups += 1;
      return rebinding(hostname);
    };
    // The first answer is public: nobody is there, or somebody who speaks no HTTP on this port.
    const signal = AbortSignal.timeout(500);
    const url = `${scheme}://rebind.test:${counted.port}/`;
    const first = temporaryFetch(t, { egress: nothing, resolve, signal });
    await t.rejects(first({ url }), { code: 'ERR_FETCH_FAILED' });
    t.equal(lookups, 1, `${scheme}: looked up once`);
    await t.rejects(temporaryFetch(t, { egress: nothing, resolve })({ url }), refused, 'and judged anew');
  }
  t.equal(counted.connections, 0);
});

void t.test('egress: redirects lead nowhere a first request may not go, at every hop', async (t) => {
  const counted = await countingPort(t);
  const origin = await temporaryServer(t, (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    const left = Number(url.searchParams.get('left'));
    url.searchParams.set('left', String(left - 1));
    const next = left > 0 ? `/${url.search}` : (url.searchParams.get('to') ?? '');
    response.writeHead(302, { location: next }).end();
  });
  const { port } = new URL(origin);
  const resolve = answering({ 'open.test': [['127.0.0.1']], 'inside.test': [['127.0.0.1']] });
  const egress = { private: [`open.test:${port}`] };
  const fetch = temporaryFetch(t, { egress, resolve });
  const targets = [
    `http://127.0.0.1:${counted.port}/`,
    `http://2130706433:${counted.port}/`,
    `http://inside.test:${counted.port}/`,
    `http://open.test:${counted.port}/`,
    `//127.1:${counted.port}/`,
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:169.254.169.254]/',
  ];
  for (const target of targets) {
    for (const left of [0, 1, 5]) {
      const url = `http://open.test:${port}/?left=${left}&to=${encodeURIComponent(target)}`;
      await t.rejects(fetch({ url }), refused, `${target} after ${left + 1}`);
    }
  }
  t.equal(counted.connections, 0);
});

void t.test('egress: a grant is for this host and this port, and for no other spelling of it', async (t) => {
  const origin = await temporaryServer(t, (_, response) => response.end('inside'));
  const { port } = new URL(origin);
  const resolve = answering({ 'db.test': [['127.0.0.1']], 'other.test': [['127.0.0.1']] });
  const open = async (grants: readonly string[], url: string): Promise<string | undefined> => {
    const answer = await temporaryFetch(t, { egress: { private: grants }, resolve })({ url });
    return textOf(answer);
  };
  for (const grant of ['db.test', `db.test:${port}`])
    t.equal(await open([grant], `http://db.test:${port}/`), 'inside', grant);
  t.equal(
    await open([`127.0.0.1:${port}`], `http://127.1:${port}/`),
    'inside',
    'the parser makes it the same',
  );
  for (const grant of ['db.test:1', 'other.test', '127.0.0.1', `127.0.0.1:${port}`, 'test'])
    await t.rejects(open([grant], `http://db.test:${port}/`), refused, grant);
  await t.rejects(open(['db.test'], `http://127.0.0.1:${port}/`), refused);
});

void t.test(
  'egress: no grant leads a name to the metadata service, and none outdoes the operator',
  async (t) => {
    const resolve = answering({ 'meta.test': [['169.254.169.254']], 'db.test': [['127.0.0.1']] });
    const grants = { private: ['meta.test', 'db.test', '127.0.0.1'] };
    await t.rejects(temporaryFetch(t, { egress: grants, resolve })({ url: 'http://meta.test/' }), refused);
    const capped = temporaryFetch(t, { egress: grants, resolve, allowPrivate: false });
    await t.rejects(capped({ url: 'http://db.test:1/' }), refused);
    await t.rejects(capped({ url: 'http://127.0.0.1:1/' }), refused);
  },
);
