import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CliProcess } from '#test/support/cli.ts';
import { openTestHost } from '#test/support/host.ts';

void t.test('logs -f: what a function writes is told while it runs, by a real host', async (t) => {
  const test = await openTestHost(t);
  const source = `export default { fetch(request) { console.log('saw ' + new URL(request.url).pathname); return new Response(''); } };`;
  await test.deploy('shop', source);
  await test.request('/shop/before');
  const token = readFileSync(join(test.dir, 'token'), 'utf8').trim();
  const where = ['--admin', test.adminUrl, '--token', token];
  const follower = new CliProcess(['logs', 'shop', '-f', ...where], { cwd: test.dir });
  await follower.until(/saw \/before/);
  await test.request('/shop/after');
  await follower.until(/saw \/after/);
  await follower.stop('SIGINT');
  t.equal(follower.out.match(/saw \/before/g)?.length, 1, 'each line once');
  t.equal(follower.out.match(/saw \/after/g)?.length, 1);
});
