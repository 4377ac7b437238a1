import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { temporaryServer } from '#test/support/store-server.ts';
import { bindingsComponent } from '#test/support/wasm-component.ts';
import { withoutAddon } from '#test/support/wasm.ts';

await t.test(
  'egress: what a component asks of wasi:http is under its policy',
  { skip: withoutAddon },
  async (t) => {
    const test = await openTestHost(t);
    const asked: string[] = [];
    const origin = await temporaryServer(t, (request, response) => {
      asked.push(String(request.headers['authorization']));
      request.resume().on('end', () => response.writeHead(200).end('reached'));
    });
    const upstream = new URL(origin).host;
    const ask = async (name: string, egress?: unknown): Promise<string> => {
      const manifest = { vars: { UPSTREAM: upstream }, ...(egress === undefined ? {} : { egress }) };
      await test.host.deploy({ files: { 'main.wat': bindingsComponent() } }, { name, manifest });
      return (await test.request(`/${name}/f`)).text;
    };
    t.match(await ask('granted', { private: [upstream] }), 'reached');
    t.match(await ask('listed', { allow: [upstream], private: [upstream] }), 'reached');
    t.equal(asked.length, 2);
    t.equal(await ask('plain'), 'none', 'an error the guest may handle');
    t.equal(await ask('off', 'off'), 'none');
    t.equal(await ask('elsewhere', { allow: ['example.com'] }), 'none');
    t.equal(
      await ask('reads', { allow: [{ host: upstream, methods: ['GET'] }], private: [upstream] }),
      'none',
    );
    t.equal(asked.length, 2, 'nothing else was connected to');
    const egress = { private: [upstream], headers: { [upstream]: { authorization: 'Bearer ${KEY}' } } };
    await test.host.secrets.put('filled', 'KEY', 'sk-very-secret').catch(() => undefined);
    await ask('filled', egress);
    await test.host.secrets.put('filled', 'KEY', 'sk-very-secret');
    asked.length = 0;
    t.match((await test.request('/filled/f')).text, 'reached');
    t.same(asked, ['Bearer sk-very-secret']);
    t.equal((await test.request('/filled/v')).text, 'none', 'wasi:config does not have it');
  },
);
