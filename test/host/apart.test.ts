import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

/** V8 does not interrupt it. */
const holds = `export default { fetch() { new Array(2 ** 27).fill({}); return new Response('over'); } };`;

void t.test('apart: what held a cell is made again beside its neighbours, not before them', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  const limits = { wallMs: 20_000, cpuMs: 60 };
  await host.deploy({ files: { 'index.js': holds } }, { name: 'holds', manifest: { limits } });
  const witness = `export default { fetch: () => new Response('here') };`;
  await host.deploy({ files: { 'index.js': witness } }, { name: 'witness', manifest: { limits } });
  const pids = async (): Promise<readonly number[]> => (await host.health()).cells.map(({ pid }) => pid);
  const [first] = await pids();
  let over = false;
  const held = host.fetch('holds', new Request('http://guest/')).then(async (response) => {
    over = true;
    await response.text();
    return response.headers.get('x-islet-error');
  });
  // Its first request runs on the cell's own thread, until the host gives that cell up.
  while ((await pids())[0] === first) await sleep(20);
  const answer = await host.fetch('witness', new Request('http://guest/'));
  t.equal(await answer.text(), 'here');
  t.equal(over, false, 'the neighbour has answered while it is tried once more');
  t.match(await held, /^ERR_(LIMIT_CPU|LIMIT_MEMORY|CELL_LOST)$/);
});
