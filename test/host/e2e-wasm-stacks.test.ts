import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { suspending, suspendingPrelude } from '#test/support/wasm-suspending.ts';

const { host, request, deploy } = await openTestHost(t, { cells: 1 });

/** Paths: `/start/NAME` waits for `/go`, `/fetch` for a fetch of this very function, `/many` keeps computations for ever. */
const source = `${suspendingPrelude('new WebAssembly.Module(BYTES)')}
  const inner = async (x) => x + (await (await fetch('data:,40')).text()).length;
  const waits = new WebAssembly.Suspending(inner);
  const { exports: own } = new WebAssembly.Instance(new WebAssembly.Module(BYTES), { m: { wait: waits, call: (x) => x } });
  const fetching = WebAssembly.promising(own.twice);
  export default { async fetch(request, env, ctx) {
    const [, verb, name] = new URL(request.url).pathname.split('/');
    if (verb === 'start') return new Response(String(await wasm[name](name === 'deep' ? 500 : 1, 1)));
    if (verb === 'go') { go(); return new Response(String(waiting.length)); }
    if (verb === 'count') return new Response(String(waiting.length));
    if (verb === 'fetch') return new Response(String(await fetching(1)));
    if (verb === 'timer') { const done = wasm.twice(1); setTimeout(go, 1); setTimeout(go, 5); return new Response(String(await done)); }
    if (verb === 'many') { for (let each = 0; each < 100; each++) wasm.deep(500, each); return new Response('kept'); }
    return new Response('ok');
  } };`;
const bytes = `Uint8Array.fromBase64(${JSON.stringify(Buffer.from(suspending).toString('base64'))})`;
const guest = source.replaceAll('BYTES', bytes);

await t.test('WebAssembly: a function waits for a fetch and for timers', async (t) => {
  await deploy('waits', guest);
  t.match(await request('/waits/fetch'), { status: 200, text: '5' });
  t.match(await request('/waits/timer'), { status: 200, text: '3' });
});

await t.test('WebAssembly: what waits goes on in the entry that resumes it', async (t) => {
  await deploy('resumes', guest);
  const first = request('/resumes/start/deep');
  while ((await request('/resumes/count')).text !== '1');
  t.equal((await request('/resumes/go')).text, '0');
  t.match(await first, { status: 200, text: '502' });
});

await t.test('WebAssembly: a loop on a stack of its own ends by cpuMs, and the cell goes on', async (t) => {
  const [before] = (await host.health()).cells;
  await deploy('loops', guest, { limits: { cpuMs: 50, wallMs: 2000 } });
  for (let round = 0; round < 3; round++) {
    const first = request('/loops/start/loop');
    while ((await request('/loops/count')).text !== '1');
    const resumed = await request('/loops/go');
    t.equal(resumed.status, 503);
    t.equal((await first).status, 504, 'nobody is left to answer it');
    t.match(await request('/loops/'), { status: 200, text: 'ok' });
  }
  t.equal((await host.health()).cells[0]?.pid, before?.pid);
});

await t.test('WebAssembly: one that nobody resumes ends by wallMs, alone', async (t) => {
  await deploy('stays', guest, { limits: { wallMs: 300 } });
  t.equal((await request('/stays/start/twice')).status, 504);
  t.match(await request('/stays/'), { status: 200, text: 'ok' });
});

await t.test('WebAssembly: instances go while a hundred of theirs wait', async (t) => {
  const [before] = (await host.health()).cells;
  for (let round = 0; round < 12; round++) {
    await deploy('goes', guest, { vars: { ROUND: String(round) }, limits: { cpuMs: 1000 } });
    t.equal((await request('/goes/many')).text, 'kept');
  }
  t.match(await request('/waits/fetch'), { status: 200, text: '5' });
  t.equal((await host.health()).cells[0]?.pid, before?.pid);
});

await t.test('WebAssembly: many functions wait at once, on whatever threads', async (t) => {
  const [before] = (await host.health()).cells;
  const names = Array.from({ length: 8 }, (_, index) => `many-${index}`);
  for (const [index, name] of names.entries()) await deploy(name, guest, { vars: { INDEX: String(index) } });
  const rounds = Array.from({ length: 320 }, (_, index) => names[index % names.length] ?? '');
  const answers = await Promise.all(
    rounds.map(async (name, index) => {
      const { text } = await request(`/${name}/${index % 3 === 0 ? 'fetch' : 'timer'}`);
      return text;
    }),
  );
  t.same(
    answers.filter((text, index) => text !== (index % 3 === 0 ? '5' : '3')),
    [],
  );
  t.equal((await host.health()).cells[0]?.pid, before?.pid);
});
