import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
// oxlint-disable-next-line import/no-unassigned-import -- for its effect, see there
import '#test/support/plain-spawn.ts';
import t from 'tap';
import { startAdmin, token } from '#test/support/admin-server.ts';
import { cli } from '#test/support/cli.ts';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
const typeRoots = fileURLToPath(new URL('../../../node_modules/@types', import.meta.url));
const published = fileURLToPath(new URL('../../../types', import.meta.url));

const manifest = `{
  // A comment, as islet.json may have.
  "name": "shop",
  "vars": { "MODE": "live" },
  "assets": "public",
  "bindings": {
    "KV": { "kind": "kv" },
    "AUTH": { "kind": "auth", "admin": true },
    "NOTIFY": { "kind": "notify" },
    "OTHER": { "kind": "function", "function": "other" },
    "ASSETS": { "kind": "assets" },
    "NEW": { "kind": "something-else" },
  },
  "egress": { "headers": { "api.example.com": { "authorization": "Bearer \${FILLED_IN}" } } },
}`;

/** What tsc says of these files with these libraries; '' when nothing. */
async function check(
  folder: string,
  files: Readonly<Record<string, string>>,
  options: { readonly lib?: readonly string[]; readonly types?: readonly string[] } = {},
): Promise<string> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const compilerOptions = {
    target: 'esnext',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: options.lib ?? ['esnext'],
    types: options.types ?? [],
    typeRoots: [typeRoots],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    paths: {
      'islet/types': [join(published, 'index.d.ts')],
      'islet/types/bindings': [join(published, 'bindings.d.ts')],
    },
  };
  const config = { compilerOptions, files: [...Object.keys(files), 'islet-env.d.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  try {
    await promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: folder });
    return '';
  } catch (error) {
    return (error as { stdout?: string }).stdout || String(error);
  }
}

const web = `import type { ExportedHandler } from 'islet/types';
interface Cart { items: string[] }
export default {
  async fetch(request, env, ctx) {
    const user = ctx.user ?? (await env.AUTH.verify(request));
    if (user === null) return new Response('who?', { status: 401 });
    const { value, version } = await env.KV.getWithMetadata<Cart>('cart', 'json');
    const text: string | null = await env.KV.get('a');
    const many: Map<string, string | null> = await env.KV.get(['a', 'b']);
    const stream: ReadableStream<Uint8Array> | null = await env.KV.get('a', 'stream');
    const { ok } = await env.KV.put('cart', JSON.stringify(value), { ifVersion: version });
    const nothing: void = await env.KV.put('a', new Uint8Array(1), { expirationTtl: 60 });
    const committed = await env.KV.commit([{ key: 'a', version: null }], [{ key: 'b', increment: 2 }, { key: 'c', delete: true }]);
    if (!committed.ok) console.log(committed.failed);
    for await (const { key, kind } of env.KV.watch('a/', { limit: 1 })) console.log(key, kind);
    const page = await env.KV.list({ prefix: 'a', values: 'json' });
    if (!page.list_complete) await env.KV.list({ cursor: page.cursor });
    const sum: number = await env.KV.increment('n');
    await env.AUTH.users.setRoles(user.id, ['admin']);
    const { id } = await env.NOTIFY.publish('orders', { title: 'x', data: { ok } }, { attributes: { total: 3 }, delaySeconds: 1 });
    ctx.waitUntil(env.NOTIFY.send(user.id, 'hello'));
    const other = await env.OTHER.call<{ n: number }>({ id });
    const back: unknown = await env.NEW.call('x', { n: other.n });
    console.log(text, many, stream, nothing, sum, back, env.MODE.length, env.API_KEY.length);
    if (request.headers.get('upgrade') === 'websocket') {
      const pair = new WebSocketPair();
      pair[1].accept();
      pair[1].addEventListener('message', ({ data }) => pair[1].send(data));
      const { webSocket } = await fetch('https://example.com/', { headers: { upgrade: 'websocket' } });
      webSocket?.accept();
      return new Response(null, { status: 101, webSocket: pair[0] });
    }
    if (new URL(request.url).pathname === '/o') return env.OTHER.fetch('/path');
    return env.ASSETS.fetch(request);
  },
} satisfies ExportedHandler<Env>;
`;
const lambda = `import type { EventHandler, HttpEvent, HttpResult, LambdaContext } from 'islet/types';
export const handler: EventHandler<HttpEvent, HttpResult, Env> = async (event, context) => {
  const email = event.requestContext.authorizer?.jwt.claims['email'] ?? (await context.env.KV.get('email'));
  const page: Response = await context.env.ASSETS.fetch('/index.html');
  if (page.ok) await context.env.OTHER.call({ email });
  return { statusCode: 200, body: JSON.stringify({ email, left: context.getRemainingTimeInMillis() }) };
};
export const other = (event: { n: number }, context: LambdaContext, callback: (e: null, r: number) => void): void =>
  callback(null, event.n + context.awsRequestId.length);
`;
const globals = `import page from './page.html';
import query from './all.sql';
import add from './add.wasm';
export async function all(): Promise<string> {
  const kept: Response | undefined = await caches.default.match('https://a.b/');
  const name: string | undefined = process.env['NAME'];
  process.nextTick((a: number, b: string) => console.log(a, b), 1, 'x');
  const { exports } = await WebAssembly.instantiate(add, { host: { wait: new WebAssembly.Suspending(async (n: number) => n) } });
  const wait = WebAssembly.promising(exports['wait'] as (n: number) => number);
  const sum: number = await wait(1);
  return [page.length, query.trim(), kept?.status, name, sum].join();
}
`;
const wrongGlobals = `import page from './page.html';
const name: string = process.env['NAME'];
const pages: number = page;
process.nextTick((a: number) => a, 'text');
void caches.other;
export { name, pages };
`;
const wrong = `import type { ExportedHandler } from 'islet/types';
export default { fetch: (request, env) => new Response(env.MISSING) } satisfies ExportedHandler<Env>;
`;
const wrongKv = `export const value = async (env: Env): Promise<number> => (await env.KV.get('a')) ?? 1;\n`;

await t.test('types: every shape of handler checks against what islet types writes', async (t) => {
  const folder = t.testdir({ 'islet.json': manifest });
  const run = await cli(['types', folder, '--secrets', 'API_KEY, MODE, FILLED_IN'], { cwd: folder });
  t.equal(run.code, 0, run.err);
  t.equal(run.out, 'islet-env.d.ts is written\n');
  const text = await readFile(join(folder, 'islet-env.d.ts'), 'utf8');
  t.equal(text.match(/MODE/g)?.length, 1, 'a var hides the secret of its name');
  t.notMatch(text, /FILLED_IN/, 'what the host fills into headers is in no guest');
  t.equal(await check(folder, { 'web.ts': web, 'lambda.ts': lambda }), '');
  t.equal(await check(folder, { 'globals.ts': globals }), '');
  const faults = await check(folder, { 'wrong-globals.ts': wrongGlobals });
  t.same(
    [...faults.matchAll(/\((\d),\d+\): error (TS\d+)/g)].map(([, line, code]) => `${line} ${code}`),
    ['2 TS2322', '3 TS2322', '4 TS2345', '5 TS2339'],
    faults,
  );
  t.match(await check(folder, { 'wrong.ts': wrong }), /wrong\.ts\(2,\d+\): error TS2339.*MISSING/);
  t.match(await check(folder, { 'wrong-kv.ts': wrongKv }), /wrong-kv\.ts\(1,\d+\): error TS2322/);
});

await t.test('types: beside the types of a browser there is no conflict', async (t) => {
  const folder = t.testdir({ 'islet.json': manifest });
  const args = ['types', folder, '--secrets', 'API_KEY', '--dom'];
  t.equal((await cli(args, { cwd: folder })).code, 0);
  const page = `document.title = 'x';\n`;
  const files = { 'web.ts': web.replace('islet/types', 'islet/types/bindings'), 'page.ts': page };
  t.equal(await check(folder, files, { lib: ['esnext', 'dom'] }), '');
  t.equal(await check(folder, files, { lib: ['esnext', 'dom', 'dom.iterable'] }), '');
});

await t.test('types: beside the types of Node there is no conflict', async (t) => {
  const folder = t.testdir({ 'islet.json': manifest });
  t.equal((await cli(['types', folder, '--dom'], { cwd: folder })).code, 0);
  const both = `import { pid } from 'node:process';
export const told: [number, string | undefined] = [pid, process.env['A']];
process.nextTick((a: number) => console.log(a, process.version), 1);
`;
  const files = {
    'both.ts': `import type { KVNamespace } from 'islet/types/bindings';\n${both}export type KV = KVNamespace;`,
  };
  t.equal(await check(folder, files, { lib: ['esnext', 'dom'], types: ['node'] }), '');
});

await t.test('types: names of secrets come from the host, and stay where there is none', async (t) => {
  const admin = await startAdmin(t);
  const folder = t.testdir({ 'islet.json': '{ "name": "shop" }' });
  await admin.host.deploy({ files: { 'index.js': 'exports.handler = async () => 1;' } }, { name: 'shop' });
  await admin.host.secrets.put('shop', 'TOKEN', 'hush');
  const near = ['--admin', admin.server.url, '--token', token];
  const run = (...argv: readonly string[]): ReturnType<typeof cli> =>
    cli(['types', ...argv], { cwd: folder });
  t.match(await run('--check', ...near), { code: 1, out: /not up to date/ });
  t.match(await run(...near), { code: 0 });
  const text = await readFile(join(folder, 'islet-env.d.ts'), 'utf8');
  t.match(text, /TOKEN: string/);
  t.notMatch(text, /hush/);
  t.match(await run('--check', ...near), { code: 0, out: /is up to date/ });
  t.match(await run('--check'), { code: 0 }, 'without a host too');
  t.match(JSON.parse((await run('--json')).out), { changed: false });
  await writeFile(join(folder, 'islet.json'), '{ "name": "shop", "vars": { "A": "1" } }');
  t.match(await run('--check'), { code: 1 });
  t.match(await run('--out', 'env.d.ts', '--secrets', 'B'), { code: 0 });
  t.match(await readFile(join(folder, 'env.d.ts'), 'utf8'), /A: string;[^]*B: string;/);
});

await t.test('types: what it cannot read is said with a code', async (t) => {
  const folder = t.testdir({});
  t.match(await cli(['types'], { cwd: folder }), { code: 1, err: /ERR_SOURCE_NOT_FOUND/ });
  await writeFile(join(folder, 'islet.json'), '{ "vars": { "A": 1 } }');
  t.match(await cli(['types'], { cwd: folder }), { code: 1, err: /ERR_MANIFEST/ });
  await writeFile(join(folder, 'islet.json'), '{}');
  t.match(await cli(['types', '--secrets', 'a-b'], { cwd: folder }), { code: 2 });
});
