import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { temporaryServer } from '#test/support/store-server.ts';

/** Bodies of "hello", and of what a form makes of it; `null`: nobody knows how long before it is over. */
const bodies: Readonly<Record<string, readonly [source: string, length: number | null]>> = {
  text: [`'hello'`, 5],
  'text of two bytes a character': [`'h\\u00e9llo'`, 6],
  'no text': [`''`, 0],
  bytes: [`new TextEncoder().encode('hello')`, 5],
  'a buffer': [`new TextEncoder().encode('hello').buffer`, 5],
  'a blob': [`new Blob(['he', 'llo'])`, 5],
  parameters: [`new URLSearchParams({ a: 'hello' })`, 7],
  'a large text': [`'x'.repeat(300000)`, 300_000],
  'a stream': [
    `new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('hello')); c.close() } })`,
    null,
  ],
};

const host = openTestHost(t);

for (const [what, [source, length]] of Object.entries(bodies)) {
  const name = what.replaceAll(' ', '-');

  void t.test(`known bodies: a response of ${what} says how long it is: ${length ?? 'not'}`, async (t) => {
    const { deploy, request } = await host;
    await deploy(`to-${name}`, `export default { fetch: () => new Response(${source}) }`);
    const { headers, body } = await request(`/to-${name}/`);
    t.strictSame(headers['content-length'], length === null ? undefined : [`${length}`]);
    if (length !== null) t.equal(body.length, length);
  });

  void t.test(`known bodies: a request with ${what} says how long it is: ${length ?? 'not'}`, async (t) => {
    const { deploy, request } = await host;
    const origin = await temporaryServer(t, (incoming, response) => {
      const { 'content-length': known, 'transfer-encoding': coding } = incoming.headers;
      let bytes = 0;
      incoming.on('data', (piece: Buffer) => (bytes += piece.length));
      incoming.on('end', () => response.end(JSON.stringify([known ?? null, coding ?? null, bytes])));
    });
    await deploy(
      `from-${name}`,
      `export default { fetch: () => fetch('${origin}', { method: 'POST', duplex: 'half', body: ${source} }) }`,
      { egress: { private: [new URL(origin).host] } },
    );
    const seen = JSON.parse((await request(`/from-${name}/`)).text) as unknown[];
    if (length === null) t.strictSame(seen, [null, 'chunked', 5]);
    else t.strictSame(seen, [`${length}`, null, length]);
  });
}

void t.test('known bodies: a form goes out as multipart, and comes in as the form it was', async (t) => {
  const { deploy, request, port } = await host;
  await deploy(
    'form-in',
    `export default { async fetch(request) {
      const form = await request.formData(); const file = form.get('file');
      return Response.json([request.headers.get('content-type').split(';')[0], [...form.keys()], form.getAll('a'), file.name, file.type, await file.text()]);
    } }`,
  );
  await deploy(
    'form-out',
    `export default { fetch() {
      const form = new FormData(); form.append('a', '1'); form.append('a', 'zwei\\nDrei'); form.append('"q"', 'x');
      form.append('file', new File(['inhalt'], 'n"ame.txt', { type: 'text/x' }));
      return fetch('http://127.0.0.1:${port}/form-in/', { method: 'POST', body: form });
    } }`,
    { egress: { private: [`127.0.0.1:${port}`] } },
  );
  t.strictSame(JSON.parse((await request('/form-out/')).text), [
    'multipart/form-data',
    ['a', 'a', '"q"', 'file'],
    ['1', 'zwei\r\nDrei'],
    'n"ame.txt',
    'text/x',
    'inhalt',
  ]);
});

void t.test('known bodies: a request that streams in is cloned, and one half streams out', async (t) => {
  const { deploy, request } = await host;
  await deploy(
    'halves',
    `export default { async fetch(request) {
      const copy = request.clone(); const [left, right] = copy.body.tee();
      const count = async (stream) => { let n = 0; for await (const chunk of stream) n += chunk.length; return n };
      const counted = count(left);
      return new Response(request.body.pipeThrough(new TransformStream({
        async flush(c) { c.enqueue(new TextEncoder().encode('|' + (await counted) + '|' + (await count(right)))) } })));
    } }`,
    { limits: { cpuMs: 5000 } },
  );
  const body = 'z'.repeat(700_000);
  const { text } = await request('/halves/', { method: 'POST', body });
  t.ok(text === `${body}|700000|700000`);
});
