import t from 'tap';
import type { Test } from 'tap';
import { parseManifest, formatManifest } from '#host/deploy/manifest.ts';
import { openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { temporaryServer } from '#test/support/store-server.ts';

/** Fetches what the event says and tells how that went; a body is read to its end. */
const fetcher = `
console.log('top level sees', Object.keys(process.env).join());
exports.handler = async ({ url, headers = {}, method = 'GET' }) => {
  try {
    const response = await fetch(url, { method, headers });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
};`;

async function ask(test: TestHost, name: string, event: object): Promise<Record<string, string>> {
  const { value, outcome } = await test.host.invoke(name, event);
  return (value ?? outcome) as Record<string, string>;
}

async function echoing(t: Test): Promise<string> {
  return temporaryServer(t, ({ headers, url }, response) => {
    if (url === '/long') return response.end(Buffer.alloc(200_000));
    return response.end(JSON.stringify(headers));
  });
}

void t.test('egress: what stands in islet.json holds for each function by itself', async (t) => {
  const test = await openTestHost(t);
  const origin = await echoing(t);
  const { host } = new URL(origin);
  const deploy = (name: string, egress?: unknown): Promise<unknown> =>
    test.deploy(name, fetcher, egress === undefined ? {} : { egress });

  await deploy('plain');
  const refusal = await ask(test, 'plain', { url: origin });
  t.equal(refusal['code'], 'ERR_EGRESS_REFUSED');
  const line = /"egress": \{ "private": \[.*\] \}/.exec(refusal['message'] ?? '')?.[0];
  await deploy('plain', (JSON.parse(`{${line}}`) as { egress: unknown }).egress);
  t.equal((await ask(test, 'plain', { url: origin }))['status'], 200, 'the message says the very line');

  await deploy('off', 'off');
  t.match(await ask(test, 'off', { url: 'http://example.invalid/' }), { code: 'ERR_EGRESS_REFUSED' });
  await deploy('listed', { allow: [{ host, methods: ['GET'] }], private: [host] });
  t.match(await ask(test, 'listed', { url: origin }), { status: 200 });
  t.match(await ask(test, 'listed', { url: origin, method: 'DELETE' }), { code: 'ERR_EGRESS_REFUSED' });
  t.match(await ask(test, 'listed', { url: 'http://127.0.0.1:1/' }), { code: 'ERR_EGRESS_REFUSED' });
  await deploy('short', { private: [host], responseBytes: 100_000 });
  const broken = await ask(test, 'short', { url: `${origin}/long` });
  t.equal(broken['code'], 'ERR_EGRESS_LIMIT', 'a body that breaks off says why');
});

void t.test('egress: the operator has the last word about private addresses', async (t) => {
  const test = await openTestHost(t, { privateEgress: false });
  await test.deploy('granted', fetcher, { egress: { private: ['127.0.0.1'] } });
  t.match(await ask(test, 'granted', { url: test.adminUrl }), { code: 'ERR_EGRESS_REFUSED' });
});

void t.test('egress: a manifest is read as it was written, by whatever way it came', (t) => {
  const manifests = [
    { egress: 'off' },
    { egress: 'open' },
    { egress: { private: ['[::1]:80', 'DB.internal'], connections: 3 } },
    {
      egress: {
        allow: ['*.Example.org', { host: 'api.example.com', port: 8443, methods: ['get'] }],
        headers: { 'api.example.com:8443': { Authorization: 'Bearer ${KEY}', 'x-b': '${B}' } },
      },
    },
  ];
  for (const manifest of manifests) {
    const parsed = parseManifest(JSON.stringify(manifest), 'islet.json');
    t.same(parseManifest(formatManifest(parsed), 'islet.json'), parsed);
  }
  const uncovered =
    '{ "egress": { "allow": ["a.test"], "private": ["b.test"], "headers": { "c.test": { "x": "y" } } } }';
  t.throws(() => parseManifest(uncovered, 'islet.json'), { code: 'ERR_MANIFEST' });
  t.end();
});

void t.test('secretless: the host sends the secret, the guest never has it', async (t) => {
  const test = await openTestHost(t);
  const origin = await echoing(t);
  const { host } = new URL(origin);
  const egress = { private: [host], headers: { [host]: { authorization: 'Bearer ${API_KEY}' } } };
  const source = `
export default { async fetch(request, env) {
  return Response.json({ env: Object.keys(env), process: Object.keys(process.env), vars: String(env.API_KEY) });
} };`;
  const deployed = await test.deploy('teller', source, { egress });
  t.match(deployed.warnings, [/API_KEY/], 'a secret that is not set is told at once');
  t.ok(test.log.some(({ level, message }) => level === 'warn' && message.includes('API_KEY')));
  await test.deploy('asker', fetcher, { egress });
  const missing = await ask(test, 'asker', { url: origin });
  t.equal(missing['code'], 'ERR_NO_SECRET');
  t.match(missing['message'], /islet secret put asker API_KEY/);

  for (const name of ['teller', 'asker']) {
    await test.host.secrets.put(name, 'API_KEY', 'sk-very-secret');
    await test.host.secrets.put(name, 'OWN', 'guest-may-see');
  }
  t.same(
    (await test.host.versions('teller')).map(({ warnings }) => warnings),
    [undefined],
  );
  const seen = JSON.parse((await test.request('/teller/')).text) as Record<string, unknown>;
  t.same(seen, { env: ['OWN'], process: ['OWN'], vars: 'undefined' });
  const answer = await ask(test, 'asker', { url: origin, headers: { authorization: 'mine' } });
  t.equal(JSON.parse(answer['text'] ?? '').authorization, 'Bearer sk-very-secret');
  await test.host.secrets.put('asker', 'API_KEY', 'sk-another-one');
  const again = await ask(test, 'asker', { url: origin });
  t.equal(JSON.parse(again['text'] ?? '').authorization, 'Bearer sk-another-one');
});

void t.test('secretless: no secret reaches a log or an error, whatever the guest prints', async (t) => {
  const test = await openTestHost(t);
  const origin = await echoing(t);
  const { host } = new URL(origin);
  const egress = { private: [host], headers: { [host]: { authorization: 'Bearer ${API_KEY}' } } };
  const source = `
exports.handler = async (event) => {
  const { authorization } = await (await fetch(event.url)).json();
  const key = authorization.slice(7);
  console.log('got', authorization);
  console.error({ key, list: [btoa('x' + key), encodeURIComponent(key)] }, new Error(key));
  if (event.fetch) await fetch('http://[' + key);
  if (event.text) { const error = new Error('no: ' + key); error.name = key; throw error; }
  return key;
};`;
  await test.deploy('leaky', source, { egress });
  const key = 'sk/very+secret key';
  await test.host.secrets.put('leaky', 'API_KEY', key);
  const forms = [key, encodeURIComponent(key), btoa(`x${key}`).slice(2, -4), 'very+secret'];

  const returned = await test.host.invoke('leaky', { url: origin });
  t.equal(returned.value, key, 'an upstream that echoes it cannot be kept from it');
  const threw = await test.host.invoke('leaky', { url: origin, text: true });
  t.match(threw.outcome, {
    kind: 'threw',
    error: { name: '[secret API_KEY]', message: 'no: [secret API_KEY]' },
  });
  const quoted = await test.host.invoke('leaky', { url: origin, fetch: true });
  const lines = [];
  for await (const line of test.host.logs({ function: 'leaky', tail: 100 })) lines.push(line);
  t.ok(lines.some(({ message }) => message.includes('got Bearer [secret API_KEY]')));
  const all = JSON.stringify([threw, quoted, lines, test.log, returned.logs]);
  for (const form of forms) t.notOk(all.includes(form), form);

  await test.host.secrets.put('broken', 'AT_START', 'seen-at-the-top');
  const failing = test.deploy('broken', 'throw new Error(process.env.AT_START); export default {};');
  const refused = await failing.then(
    () => new Error('deployed'),
    (error: unknown) => error as Error,
  );
  t.match(refused, { code: 'ERR_DEPLOY_FAILED' });
  t.notMatch(refused.message, /seen-at-the-top/);
});
