import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { bindingsComponent } from '#test/support/wasm-component.ts';
import { linesOf, namespace, openUpstream, stored } from '#test/support/wasm-deployed.ts';
import { withoutAddon } from '#test/support/wasm.ts';

/** What components made by tools are tested for in test/host/wasm-e2e-components.test.ts, with no tool. */
void t.test('component bindings, by hand', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  const { host } = test;
  const upstream = new URL(await openUpstream(t)).host;
  const source = { files: { 'main.wat': bindingsComponent() } };
  const bindings = { KV: { kind: 'kv', namespace } };
  const vars = { WORD: 'hé', UPSTREAM: upstream };
  const egress = { private: [upstream] };
  await host.deploy(source, { name: 'bound', manifest: { bindings, vars, egress } });
  const ask = async (letter: string, name: string = 'bound'): Promise<string> => {
    const { status, text, headers } = await test.request(`/${name}/${letter}`);
    return status === 200 ? text : `${status} ${headers['x-islet-error']?.[0] ?? ''}`;
  };

  await t.test('keyvalue: set, get, exists and delete are the KV binding', async (t) => {
    t.equal(await ask('k'), 'none');
    t.equal(await ask('w'), '1');
    t.equal(await ask('k'), 'written');
    t.equal(await stored(test, 'key'), 'written', 'the host sees the same');
    await host.kv.put(namespace, 'key', Buffer.from('from the host'));
    t.equal(await ask('k'), 'from the host');
    t.equal(await ask('d'), '0');
    t.equal(await ask('k'), 'none');
  });

  await t.test('keyvalue: increments of many calls at once all count', async (t) => {
    t.equal(await ask('i'), '3');
    t.equal(await ask('i'), '6');
    await Promise.all(Array.from({ length: 20 }, () => ask('i')));
    t.equal(await stored(test, 'n'), '66');
  });

  await t.test('keyvalue: a swap holds only when nobody wrote in between', async (t) => {
    await host.kv.put(namespace, 'key', Buffer.from('first'));
    t.equal(await ask('s'), 'swapped');
    t.equal(await stored(test, 'key'), 'swapped');
    t.equal(await ask('c'), 'cas-failed');
    t.equal(await stored(test, 'key'), 'written', 'what was written in between stays');
  });

  await t.test('keyvalue: a bucket that is no binding is not there', async (t) => {
    t.equal(await ask('u'), 'no-such-store');
    await host.deploy(source, { name: 'unbound' });
    t.equal(await ask('k', 'unbound'), '500 ERR_GUEST_THREW', 'it traps where it finds none');
    t.equal(await ask('', 'unbound'), 'hello');
  });

  await t.test('config: a variable, then the secret of that name, then neither', async (t) => {
    t.equal(await ask('v'), 'hé');
    await host.vars.set('bound', { WORD: null });
    t.equal(await ask('v'), 'none');
    await host.secrets.put('bound', 'WORD', 'hidden');
    t.equal(await ask('v'), 'hidden');
  });

  await t.test('logging: lines are in the log of the call that wrote them', async (t) => {
    t.equal(await ask('o'), 'hello');
    const lines = await linesOf({ ...test, name: 'bound' });
    t.equal(lines.filter((line) => line === 'info 0123456789').length, 100);
  });

  await t.test(
    'http: a request goes out through the host, its body and the answer come through',
    async (t) => {
      t.equal(await ask('f'), '203 POST /y sent on');
      await host.deploy(source, {
        name: 'astray',
        manifest: { vars: { UPSTREAM: '127.0.0.1:1' }, egress: { private: ['127.0.0.1:1'] } },
      });
      t.equal(await ask('f', 'astray'), 'none', 'nobody listens there: an error, not a trap');
    },
  );

  await t.test('operations count as subrequests, whatever interface they come by', async (t) => {
    for (const [letter, subrequests, expected] of [
      ['f', 1, '203 POST /y sent on'],
      ['f', 0, '503 ERR_LIMIT_SUBREQUESTS'],
      ['i', 1, '9'],
      ['i', 0, '503 ERR_LIMIT_SUBREQUESTS'],
      ['w', 2, '1'],
      ['w', 1, '503 ERR_LIMIT_SUBREQUESTS'],
    ] as const) {
      const name = `few-${letter}-${subrequests}`;
      await host.deploy(source, { name, manifest: { bindings, vars, egress, limits: { subrequests } } });
      t.equal(await ask(letter, name), expected, name);
    }
  });
});
