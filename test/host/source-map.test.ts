import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

const thrower = `import { fail } from './lib/fail.ts';
type Reason = string;

export default {
  async fetch(request: Request): Promise<Response> {
    const reason: Reason = new URL(request.url).pathname;
    if (reason === '/log') console.error(new Error('logged'));
    else fail(reason);
    return new Response('fine');
  },
};
`;
const lib = `interface Unused { readonly a: number }

export function fail(reason: string): never {
  throw new Error(reason);
}
`;

void t.test('logs: a stack points at the author’s TypeScript', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  await host.deploy({ files: { 'index.ts': thrower, 'lib/fail.ts': lib } }, { name: 'thrower' });
  const linesOf = async (path: string): Promise<string> => {
    await (await host.fetch('thrower', new Request(`http://guest${path}`))).text();
    const lines: string[] = [];
    for await (const { message } of host.logs({ function: 'thrower', tail: 1 })) lines.push(message);
    return lines.join('\n');
  };
  const thrown = await linesOf('/boom');
  t.match(thrown, /lib\/fail\.ts:4:9/);
  t.match(thrown, /index\.ts:8:10/);
  t.notMatch(thrown, /islet:guest/, 'frames of the runtime are left out');
  t.match(await linesOf('/log'), /index\.ts:7:42/, 'a logged error too');
});

void t.test('deploy: a throwing top level is told with file and line', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  const files = {
    'index.ts': `const a: number = 1;\n\nif (a === 1) throw new Error('too early');\nexport default { fetch() {} };`,
  };
  await t.rejects(host.deploy({ files }, { name: 'early' }), {
    code: 'ERR_DEPLOY_FAILED',
    message: /index\.ts:3:20/,
  });
});
