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

const later = `async function step(reason: string): Promise<void> {
  await Promise.resolve();
  if (reason.length > 1) throw new RangeError(reason);
}

export default {
  async fetch(request: Request): Promise<Response> {
    const reason: string = new URL(request.url).pathname;
    try {
      await step(reason);
    } catch (error) {
      if (reason === '/log') console.error(error);
      else throw error;
    }
    return new Response('fine');
  },
};
`;

void t.test('logs: so does one after an await, in a bundle with contexts too', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  const limits = { cpuMs: 2000, startupCpuMs: 5000 };
  // Imported, it has async functions compiled away: the bundle is built twice.
  const contexts = `import { AsyncLocalStorage } from 'node:async_hooks';
export const storage: AsyncLocalStorage<string> = new AsyncLocalStorage();
`;
  const within = later.replace('await step(reason);', 'await storage.run(reason, () => step(reason));');
  const files = { 'contexts.ts': contexts, 'index.ts': `import { storage } from './contexts.ts'; ${within}` };
  await host.deploy({ files: { 'index.ts': later } }, { name: 'plain', manifest: { limits } });
  await host.deploy({ files }, { name: 'contexts', manifest: { limits } });
  for (const name of ['plain', 'contexts']) {
    for (const path of ['/boom', '/log']) {
      await (await host.fetch(name, new Request(`http://guest${path}`))).text();
      const lines: string[] = [];
      for await (const { message } of host.logs({ function: name, tail: 1 })) lines.push(message);
      const text = lines.join('\n');
      t.match(text, new RegExp(`RangeError: ${path}`), name);
      t.match(text, /index\.ts:3:32/, `${name}: where it was thrown`);
      t.notMatch(text, /islet:guest|async-hooks\.js/, `${name}: no frames of the runtime`);
    }
  }
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
