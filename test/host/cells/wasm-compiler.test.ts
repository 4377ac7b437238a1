import t from 'tap';
// oxlint-disable-next-line no-unassigned-import -- what is spawned here may not read tap's loader
import '#test/support/plain-spawn.ts';
import { closeSync, openSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Test } from 'tap';
import { WasmCompiler } from '#host/cells/wasm-compiler.ts';
import type { WasmCompilerOptions } from '#host/cells/wasm-compiler.ts';
import { runCompiler } from '#host/cells/wasm-process.ts';
import type { CompileBounds } from '#host/cells/wasm-process.ts';
import { HostError } from '#runtime/errors.ts';
import { temporaryDir } from '#test/support/store-files.ts';
import { quietCommand, slowCommand } from '#test/support/wasm-modules.ts';
import { withoutAddon } from '#test/support/wasm.ts';

const skip = withoutAddon;

interface Desk {
  readonly dir: string;
  readonly compiler: WasmCompiler;
  /** What it came to: the guest's kind, or the error's code. */
  readonly compile: (module: string | Uint8Array, name?: string) => Promise<string>;
}

function desk(t: Test, options: WasmCompilerOptions = {}): Desk {
  const dir = temporaryDir(t);
  const compiler = new WasmCompiler(options);
  t.teardown(() => {
    compiler.close();
  });
  const compile: Desk['compile'] = async (module, name = 'artifact') => {
    try {
      return await compiler.compile({ name: 'fn', module: Buffer.from(module), path: join(dir, name) });
    } catch (error) {
      t.ok(error instanceof HostError, String(error));
      return (error as HostError).code;
    }
  };
  return { dir, compiler, compile };
}

void t.test('compiler: an artifact is there whole, readable by its owner alone', { skip }, async (t) => {
  const { dir, compile, compiler } = desk(t);
  t.equal(await compile(quietCommand()), 'command');
  const info = await stat(join(dir, 'artifact'));
  t.equal(info.mode & 0o777, 0o600);
  t.ok(info.size > 1000);
  t.same(await readdir(dir), ['artifact']);
  t.match(await compiler.addon(), { engineHash: /^[0-9a-f]{16,}$/, sourceHash: /^[0-9a-f]{16,}$/ });
});

void t.test(
  'compiler: what is no module of ours is refused and leaves nothing behind',
  { skip },
  async (t) => {
    const { dir, compile } = desk(t);
    const bad: readonly (readonly [string, string | Uint8Array])[] = [
      ['empty', ''],
      ['text', 'hello'],
      ['half a header', Buffer.from('0061736d', 'hex')],
      ['a section cut off', Buffer.from('0061736d0100000001050160', 'hex')],
      ['a length that lies', Buffer.from('0061736d0100000001ffffffff0f', 'hex')],
      ['a component cut off', Buffer.from('0061736d0d0001000705', 'hex')],
      ['a function that does not validate', '(module (func (export "_start") (result i32)))'],
      ['an import nothing satisfies', '(module (import "env" "launch" (func)) (func (export "_start")))'],
    ];
    for (const [what, module] of bad) t.equal(await compile(module), 'ERR_BUILD', what);
    t.same(await readdir(dir), []);
  },
);

void t.test('compiler: missing imports are listed', { skip }, async (t) => {
  const { dir, compiler } = desk(t);
  const module =
    '(module (import "env" "launch" (func)) (import "env" "aim" (func)) (func (export "_start")))';
  const failure = await compiler
    .compile({ name: 'fn', module: Buffer.from(module), path: join(dir, 'a') })
    .catch(String);
  t.match(failure, 'env::launch');
  t.match(failure, 'env::aim');
});

void t.test('compiler: one byte over the longest module is refused unread', { skip }, async (t) => {
  const module = quietCommand();
  const { compile } = desk(t, { mostModuleBytes: module.length });
  t.equal(await compile(module), 'command');
  t.equal(await compile(`${module} `), 'ERR_DEPLOY_TOO_LARGE');
});

void t.test(
  'compiler: work without end is cut off by CPU, by the clock, and by memory',
  { skip },
  async (t) => {
    const module = Buffer.from(slowCommand(60_000));
    const bounds: readonly (readonly [string, Partial<CompileBounds>])[] = [
      ['cpu', { cpuMs: 600 }],
      ['wall', { wallMs: 600 }],
      ['memory', { memoryBytes: 180 * 2 ** 20 }],
    ];
    const { signal } = new AbortController();
    const artifact = openSync(join(temporaryDir(t), 'artifact'), 'w', 0o600);
    t.teardown(() => closeSync(artifact));
    for (const [limit, own] of bounds) {
      const all = { wallMs: 60_000, cpuMs: 60_000, memoryBytes: 2 ** 31, ...own };
      t.same(await runCompiler({ module, artifact, bounds: all, signal }), { kind: 'exceeded', limit });
    }
    const { dir, compile } = desk(t, { bounds: { cpuMs: 500 } });
    t.equal(await compile(module), 'ERR_DEPLOY_FAILED');
    t.same(await readdir(dir), [], 'and nothing is left');
  },
);

const elsewhere = process.platform === 'linux' ? skip : 'children are found in /proc';

void t.test('compiler: a process that dies takes its own module along', { skip: elsewhere }, async (t) => {
  const { dir, compile, compiler } = desk(t);
  const module = Buffer.from(slowCommand(60_000));
  const lost = compiler.compile({ name: 'fn', module, path: join(dir, 'lost') }).then(
    () => t.fail('compiled'),
    (error: unknown) => error,
  );
  process.kill(await compiling(), 'SIGKILL');
  t.match(await lost, { code: 'ERR_DEPLOY_FAILED', message: /compiler died/ });
  t.same(await readdir(dir), [], 'nothing is left of it');
  t.equal(await compile(quietCommand()), 'command', 'and the next one compiles');
});

/** The process that compiles for this one, once there is one. */
async function compiling(): Promise<number> {
  const program = 'compile-main';
  for (;;) {
    const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
    for (const pid of children.split(' ').filter(Boolean)) {
      const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (words.includes(program)) return Number(pid);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

void t.test(
  'compiler: a host that closes kills what compiles and refuses what waits',
  { skip },
  async (t) => {
    const { dir, compile, compiler } = desk(t, { atOnce: 1 });
    const slow = slowCommand(60_000);
    const both = [compile(slow, 'one'), compile(slow, 'two')];
    setTimeout(() => compiler.close(), 200);
    t.same(await Promise.all(both), ['ERR_CLOSING', 'ERR_CLOSING']);
    t.equal(await compile(quietCommand(), 'three'), 'ERR_CLOSING');
    t.same(await readdir(dir), []);
  },
);

void t.test(
  'compiler: those that wait get their turn, whatever became of the ones before',
  { skip },
  async (t) => {
    const { compile } = desk(t, { atOnce: 1 });
    const modules = [quietCommand('a'), 'broken', quietCommand('b'), 'broken', quietCommand('c')];
    const ends = await Promise.all(modules.map((module, at) => compile(module, `artifact-${at}`)));
    t.same(ends, ['command', 'ERR_BUILD', 'command', 'ERR_BUILD', 'command']);
  },
);

void t.test('compiler: who leaves frees the place, waiting or not', { skip }, async (t) => {
  const { dir, compiler, compile } = desk(t, { atOnce: 1 });
  const slow = Buffer.from(slowCommand(60_000));
  const begin = (name: string, signal: AbortSignal): Promise<string> =>
    compiler.compile({ name: 'fn', module: slow, path: join(dir, name), signal });
  const [first, second] = [new AbortController(), new AbortController()];
  const compiled = begin('first', first.signal);
  const waits = begin('second', second.signal);
  // As large as theirs: it has no other place to go.
  const module = Buffer.concat([Buffer.from(quietCommand()), Buffer.alloc(2 ** 20, ' ')]);
  const next = compile(module, 'next');
  const reason = new Error('the client left');
  second.abort(reason);
  await t.rejects(waits, reason);
  first.abort(reason);
  await t.rejects(compiled, reason);
  t.equal(await next, 'command');
  await t.rejects(begin('late', second.signal), reason);
  t.same(await readdir(dir), ['next']);
});

void t.test('compiler: small modules go on while a large one takes its time', { skip }, async (t) => {
  const { compiler, compile, dir } = desk(t, { atOnce: 1 });
  const slow = { name: 'fn', module: Buffer.from(slowCommand(60_000)), path: join(dir, 'slow') };
  const gone = new AbortController();
  const order: string[] = [];
  const large = compiler.compile({ ...slow, signal: gone.signal }).catch(() => order.push('large'));
  for (const salt of ['a', 'b', 'c']) {
    t.equal(await compile(quietCommand(salt), salt), 'command');
    order.push(salt);
  }
  gone.abort();
  await large;
  t.same(order, ['a', 'b', 'c', 'large']);
});
