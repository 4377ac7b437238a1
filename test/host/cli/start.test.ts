import t from 'tap';
import { examplesFolder, readExamples } from '#host/cli/examples-folder.ts';
import { CliProcess } from '#test/support/cli.ts';
import { request } from '#test/support/host.ts';

// The slow ones follow when the host is up, where their tools are here; examples.test.ts has those.
const examples = (await readExamples(examplesFolder())).filter(({ slow }) => !slow).map(({ name }) => name);

await t.test(
  'start: every example is deployed, and the line to try for each works, twice in a row',
  async (t) => {
    const cwd = t.testdir({});
    for (const round of ['first', 'second']) {
      const host = new CliProcess(
        ['host', '--examples', '--port', '0', '--admin-port', '0', '--cells', '1', '--dir', 'data'],
        { cwd },
      );
      t.teardown(() => host.child.kill('SIGKILL'));
      await host.until(/Ctrl-C stops it/);
      const lines = [...host.out.matchAll(/^ +(\S+) +curl http:\/\/([a-z0-9-]+\.localhost):(\d+)\/$/gm)];
      const names = lines.map(([, name = '']) => name);
      t.same(
        names.filter((name) => examples.includes(name)),
        examples,
        `${round} start: a line for each`,
      );
      // The proxy would ask a server out there; examples.test.ts gives it one of its own.
      for (const [, name = '', address = '', port = ''] of lines.filter(
        ([, name]) => name !== 'fetch-proxy' && examples.includes(name ?? ''),
      )) {
        const { status } = await request(Number(port), '/', { host: address });
        t.equal(status, 200, name);
      }
      const [, , , port = ''] = lines[0] ?? [];
      const counted = await request(Number(port), '/visits', {
        host: 'counter-kv.localhost',
        method: 'POST',
      });
      t.match(JSON.parse(counted.text), { count: round === 'first' ? 1 : 2 }, 'data stays');
      t.equal((await host.stop('SIGINT')).code, 0, 'Ctrl-C is a clean exit');
    }
  },
);
