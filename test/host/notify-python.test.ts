import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

void t.test('notify: Python subscribes itself, publishes, and is told', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  const source = `from islet import env
def lambda_handler(event, context):
    if 'Records' in event:
        sns = event['Records'][0]['Sns']
        env.KV.put('seen', sns['Message'] + ' ' + sns['MessageAttributes']['kind']['Value'])
        return None
    env.NOTIFY.call('subscribe', {'topic': 'orders', 'subscription': {'function': 'snake'}})
    return env.NOTIFY.call('publish', {'topic': 'orders', 'message': {'text': 'from Python'}, 'options': {'attributes': {'kind': 'new'}}})
`;
  const bindings = { NOTIFY: { kind: 'notify' }, KV: { kind: 'kv', namespace: 'seen' } };
  await test.host.deploy(
    { files: { 'handler.py': source } },
    { name: 'snake', manifest: { bindings, limits: { cpuMs: 2000 } } },
  );
  t.match(await test.host.invoke('snake', {}), { value: { id: /^msg_/, duplicate: false } });
  const seen = await eventually('it is told', async () => test.host.kv.get('seen', 'seen'));
  t.equal(Buffer.from(seen.value).toString(), 'from Python new');
});
