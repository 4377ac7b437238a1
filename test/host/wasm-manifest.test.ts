import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';
import { watGuest } from '#test/support/wasm-guests.ts';

void t.test('wasm: what no instance could have is refused at deploy', { skip: withoutAddon }, async (t) => {
  const { host } = await openTestHost(t, { caps: { memoryMb: 2048 } });
  const deploy = async (guest: string, manifest: Readonly<Record<string, unknown>>) =>
    await host.deploy(watGuest(guest), { name: 'shop', manifest });
  for (const guest of ['http', 'grows-table']) {
    await t.rejects(
      deploy(guest, { limits: { memoryMb: 1025 } }),
      { code: 'ERR_MANIFEST', message: /"limits.memoryMb" is 1025; WebAssembly has 1024 at the most/ },
      'more memory than the pool has',
    );
    t.equal(typeof (await deploy(guest, { limits: { memoryMb: 1024 } })).version, 'number', 'all it has');
  }
  const bindings = { OTHER: { kind: 'function', function: 'other' } };
  await t.rejects(
    deploy('http', { bindings }),
    { code: 'ERR_MANIFEST', message: /"OTHER" of kind "function" is out of a component's reach/ },
    'a binding without an interface',
  );
  await deploy('grows-table', { bindings });
  const script = { files: { 'index.js': 'export default { fetch: () => new Response("") };' } };
  await host.deploy(script, { name: 'script', manifest: { limits: { memoryMb: 1025 } } });
});
