import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const calls = (name: string, limits: object): Readonly<Record<string, unknown>> => ({
  bindings: { OTHER: { kind: 'function', function: name } },
  limits,
});

const host = await openTestHost(t);

await t.test('functions: 50 MB stream through a function binding both ways, in little memory', async (t) => {
  await host.deploy(
    'front-g',
    `export default { fetch: (request, env) => env.OTHER.fetch('/', { method: 'POST', body: request.body, duplex: 'half' }) };`,
    calls('back-g', { memoryMb: 32, cpuMs: 20_000 }),
  );
  await host.deploy('back-g', 'export default { fetch: (request) => new Response(request.body) };', {
    limits: { memoryMb: 32, cpuMs: 20_000 },
  });
  const size = 50 * 2 ** 20;
  let sent = 0;
  let most = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent === size) return controller.close();
      const piece = new Uint8Array(64 * 1024).fill(sent / (64 * 1024));
      sent += piece.length;
      controller.enqueue(piece);
    },
  });
  const response = await fetch(`${host.url}/front-g/`, {
    method: 'POST',
    body,
    duplex: 'half',
  });
  t.equal(response.status, 200);
  let received = 0;
  let right = true;
  for await (const piece of response.body ?? []) {
    for (const at of [0, piece.length - 1]) right &&= piece[at] === (((received + at) / (64 * 1024)) & 255);
    received += piece.length;
    most = Math.max(most, sent - received);
  }
  t.equal(received, size);
  t.ok(right, 'byte by byte where it was looked');
  t.ok(most < 16 * 2 ** 20, `at most ${most} bytes were on their way`);
});

await t.test('functions: Python calls and is called', { skip: withoutAddon }, async (t) => {
  const source = `from islet import env
def lambda_handler(event, context):
    if 'n' in event:
        return {'n': event['n'] + 1}
    return env.SELF.call({'n': 1})
`;
  const manifest = {
    bindings: { SELF: { kind: 'function', function: 'snake' } },
    limits: { cpuMs: 5000, concurrency: 40 },
  };
  await host.host.deploy({ files: { 'handler.py': source } }, { name: 'snake', manifest });
  t.same(await (await fetch(`${host.url}/snake/`)).json(), { n: 2 });
  t.same(await host.host.invoke('snake', { n: 7 }).then(({ value }) => value), { n: 8 });
});
