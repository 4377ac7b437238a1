import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const skip = withoutAddon;

const imports = `
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $arg_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $say (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))`;

/** A CGI program that answers with its environment, then its arguments, each with a zero behind it. */
const shows = `(module ${imports}
  (data (i32.const 16) "Status: 202\\nContent-Type: text/plain\\n\\n")
  (func (export "_start")
    (call $say (i32.const 16) (i32.const 38))
    (drop (call $sizes (i32.const 256) (i32.const 260)))
    (drop (call $environ (i32.const 1024) (i32.const 16384)))
    (call $say (i32.const 16384) (i32.load (i32.const 260)))
    (drop (call $arg_sizes (i32.const 256) (i32.const 260)))
    (drop (call $args (i32.const 1024) (i32.const 16384)))
    (call $say (i32.const 16384) (i32.load (i32.const 260)))))`;

/** Says what comes on stdin. */
const echoes = `(module ${imports}
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 16384))
      (i32.store (i32.const 4) (i32.const 65536))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (if (i32.eqz (i32.load (i32.const 8))) (then return))
      (call $say (i32.const 16384) (i32.load (i32.const 8)))
      (br $more))))`;

void t.test(
  'commands: a request is in the environment as RFC 3875 says, with vars, secrets and arguments',
  { skip },
  async (t) => {
    const { host, request } = await openTestHost(t);
    const manifest = { vars: { GREETING: 'hé' }, wasm: { args: ['-v', 'two words'] } };
    await host.deploy({ files: { 'main.wat': shows } }, { name: 'shows', manifest });
    await host.secrets.put('shows', 'SECRET', 'hidden');
    const headers = { 'x-say': 'hello', proxy: 'http://evil', 'content-type': 'a/b', cookie: 'a=1' };
    const { status, text } = await request('/shows/a/b?x=%20', { method: 'POST', headers, body: '12345' });
    t.equal(status, 202);
    const lines = text.split('\0');
    const env = new Map(lines.map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]));
    const expected = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'POST',
      PATH_INFO: '/a/b',
      QUERY_STRING: 'x=%20',
      CONTENT_TYPE: 'a/b',
      CONTENT_LENGTH: '5',
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      HTTP_X_SAY: 'hello',
      HTTP_COOKIE: 'a=1',
      GREETING: 'hé',
      SECRET: 'hidden',
    };
    for (const [name, value] of Object.entries(expected)) t.equal(env.get(name), value, name);
    t.notOk(env.has('HTTP_PROXY'), 'httpoxy: https://httpoxy.org');
    for (const name of ['PATH', 'HOME', 'PWD']) t.notOk(env.has(name), 'nothing of the host');
    t.same(lines.slice(-4), ['main.wat', '-v', 'two words', '']);
  },
);

void t.test('commands: an event is JSON on stdin, its result JSON on stdout', { skip }, async (t) => {
  const { host } = await openTestHost(t);
  await host.deploy({ files: { 'main.wat': echoes } }, { name: 'echoes' });
  for (const value of [{ a: [1, null, 'é'] }, 'text', 0, null, 'x'.repeat(200_000)]) {
    const result = await host.invoke('echoes', value);
    t.match(result, { outcome: { kind: 'returned' } });
    t.same(result.value, value);
  }
  await host.deploy({ files: { 'main.wat': shows } }, { name: 'shows' });
  t.match(
    await host.invoke('shows', 1),
    { outcome: { kind: 'threw', error: { phase: 'result' } } },
    'no JSON',
  );
});
