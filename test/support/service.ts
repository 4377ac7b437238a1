/**
 * A service that embeds islet, for tests that kill it or run it with other flags: reads HostOptions as JSON from its
 * first argument, deploys the guests named by the rest (`name=file`), listens, and prints one line of JSON.
 * SIGTERM closes the host, SIGUSR2 exits with 7 and closes nothing.
 */
import { join } from 'node:path';
import { createHost } from '#host/index.ts';
import type { HostOptions } from '#host/host.ts';

const [options = '{}', ...guests] = process.argv.slice(2);
const host = await createHost(JSON.parse(options) as HostOptions);
for (const guest of guests) {
  const [name = '', file = '', manifest = '{}'] = guest.split('=');
  await host.deploy(join(import.meta.dirname, '../guests', file), {
    name,
    manifest: JSON.parse(manifest) as Record<string, unknown>,
  });
}
const { url } = await host.listen({ port: 0, adminPort: false });
const { cells, isolation } = await host.health();
process.once('SIGTERM', () => {
  void host.close().then(() => process.stdout.write('closed\n'));
});
process.once('SIGUSR2', () => process.exit(7));
// Whoever reads this may send signals at once.
process.stdout.write(`${JSON.stringify({ url, isolation, pids: cells.map((cell) => cell.pid) })}\n`);
