import { readFile } from 'node:fs/promises';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { temporaryServer } from '#test/support/store-server.ts';
import { watGuest } from '#test/support/wasm-guests.ts';
import { withoutAddon } from '#test/support/wasm.ts';

type Manifest = Readonly<Record<string, unknown>>;

/** Deploys a command that makes this one request through the imports named islet, and prints the answer. */
async function deploy({ host }: TestHost, name: string, request: unknown, manifest: Manifest): Promise<void> {
  const counter = await readFile(watGuest('counter'), 'utf8');
  const json = JSON.stringify(request);
  const module = counter
    .replace('"[\\"KV\\",\\"increment\\",{\\"key\\":\\"calls\\"}]"', () => JSON.stringify(json))
    .replace(
      '(call $call (i32.const 128) (i32.const 34)',
      `(call $call (i32.const 128) (i32.const ${json.length})`,
    );
  await host.deploy({ files: { 'main.wat': module } }, { name, manifest });
}

void t.test('commands: imports named islet', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  const answer = async (name: string): Promise<unknown> => JSON.parse((await test.request(`/${name}/`)).text);

  await t.test('commands: another function is called with an event', async (t) => {
    const files = {
      'index.js':
        'exports.handler = ({ amount }) => { if (amount > 9) throw new RangeError("much"); return amount * 2; };',
    };
    await test.host.deploy({ files }, { name: 'doubles' });
    const bindings = { OTHER: { kind: 'function', function: 'doubles' } };
    await deploy(test, 'calls', ['OTHER', 'call', { event: { amount: 4 } }], { bindings });
    t.match(await answer('calls'), { ok: { value: 8 } });
    await deploy(test, 'fails', ['OTHER', 'call', { event: { amount: 10 } }], { bindings });
    t.match(await answer('fails'), {
      error: { name: 'RangeError', message: 'much', code: 'ERR_GUEST_THREW' },
    });
    await deploy(test, 'unbound', ['OTHER', 'call', { event: {} }], {});
    t.match(await answer('unbound'), { error: { name: /./ } });
  });

  await t.test('commands: what is fetched is under the egress policy', async (t) => {
    let asked = 0;
    const origin = await temporaryServer(t, (_, response) => {
      asked++;
      response.writeHead(203).end();
    });
    const { host } = new URL(origin);
    const request = ['', 'fetch', { url: `${origin}/`, method: 'GET', headers: [], redirect: 'manual' }];
    await deploy(test, 'granted', request, { egress: { private: [host] } });
    t.match(await answer('granted'), { ok: { status: 203 } });
    t.equal(asked, 1);
    for (const [name, egress] of Object.entries({
      off: 'off',
      elsewhere: { allow: ['example.com'] },
      plain: {},
    })) {
      await deploy(test, name, request, { egress });
      t.match(await answer(name), { error: { code: /^ERR_/ } }, name);
    }
    t.equal(asked, 1, 'nothing else was connected to');
  });
});
