import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
// oxlint-disable-next-line import/no-unassigned-import -- for its effect, see there
import '#test/support/plain-spawn.ts';
import t from 'tap';
import { openAiService } from '#test/support/ai-service.ts';
import { openTestHost } from '#test/support/host.ts';
import { installPackages, packagesFolder } from '#test/support/npm-packages.ts';

const missing = await installPackages();
// Where nobody reads the output, what could not be installed must not look as if it had passed.
if (process.env['CI'] !== undefined && missing !== undefined) t.fail(missing);
const limits = {
  cpuMs: 20_000,
  startupCpuMs: 10_000,
  wallMs: 60_000,
  bundleBytes: 20_000_000,
  memoryMb: 256,
};
const programs = ['small.js', 'documents.js', 'queries.js', 'hono-all.ts', 'jose.js'];

await t.test(
  'packages: programs from npm say in a function what they say in Node',
  { skip: missing ?? false },
  async (t) => {
    const { host } = await openTestHost(t, { cells: 1 });
    const base = await openAiService(t);
    for (const file of [...programs, 'clients.js']) {
      const name = file.replace(/\.\w+$/, '');
      await t.test(name, async (t) => {
        const path = join(packagesFolder, file);
        const { run } = (await import(path)) as { run: (base: string) => Promise<unknown> };
        const there: unknown = JSON.parse(JSON.stringify(await run(base)));
        const egress = { private: [base.replace('http://', '')] };
        await host.deploy(path, { name: `npm-${name}`, manifest: { limits, egress } });
        const query = `?${new URLSearchParams({ base }).toString()}`;
        const response = await host.fetch(`npm-${name}`, new Request(`http://guest/${query}`));
        t.equal(response.status, 200);
        t.same(await response.json(), there);
      });
    }
  },
);

await t.test(
  'packages: satori lays out and draws, its engine in WebAssembly',
  { skip: missing ?? false },
  async (t) => {
    const { host } = await openTestHost(t, { cells: 1 });
    await host.deploy(join(packagesFolder, 'satori.js'), { name: 'satori', manifest: { limits } });
    const font = join(
      packagesFolder,
      'node_modules/@fontsource/noto-sans/files/noto-sans-latin-400-normal.woff',
    );
    const request = new Request('http://guest/', { method: 'POST', body: await readFile(font) });
    const response = await host.fetch('satori', request);
    const svg = await response.text();
    t.equal(response.status, 200, svg.slice(0, 300));
    t.match(svg, /^<svg width="300" height="100".*<\/svg>$/s);
    t.match(svg, /fill="#123456"/);
    t.ok((svg.match(/<path /g) ?? []).length >= 2, 'letters are shapes');
  },
);
