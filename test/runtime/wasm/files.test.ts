import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventMessage, nothing, startWasm } from '#test/support/wasm-start.ts';
import { wasmFolder, withoutAddon } from '#test/support/wasm.ts';

/** What a guest tries: a path below its first folder, and how it is opened: 0 to read, 1 to create, 2 to write. */
const attempts = [
  { path: 'own.txt', how: 0 },
  { path: 'deep/own.txt', how: 0 },
  { path: 'own.txt', how: 2 },
  { path: 'new.txt', how: 1 },
  { path: '../secret.txt', how: 0 },
  { path: 'deep/../../secret.txt', how: 0 },
  { path: '/etc/passwd', how: 0 },
  { path: 'link', how: 0 },
  { path: 'up/secret.txt', how: 0 },
] as const;
/** 2: fd_write. */
const rights = { 0: 2, 1: 2, 2: 64 } as const;

/** A resident: for each line the error number of each attempt, two digits each, then how many folders it was given. */
const reaches = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2)
  ${attempts.map(({ path }, at) => `(data (i32.const ${4096 + at * 64}) "${path}")`).join('\n')}
  (global $end (mut i32) (i32.const 0))
  (func $byte (param $byte i32)
    (i32.store8 (global.get $end) (local.get $byte))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))
  (func $number (param $n i32)
    (call $byte (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 10))))
    (call $byte (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10)))))
  (func (export "_start")
    (local $folders i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 1024))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then return))
      (if (i32.eqz (i32.load (i32.const 8))) (then return))
      (global.set $end (i32.const 8192))
      (call $byte (i32.const 34))
      ${attempts
        .map(
          ({ path, how }, at) =>
            `(call $number (call $path_open (i32.const 3) (i32.const 1) (i32.const ${4096 + at * 64})
              (i32.const ${path.length}) (i32.const ${how === 1 ? 1 : 0}) (i64.const ${rights[how]}) (i64.const 0) (i32.const 0) (i32.const 16)))`,
        )
        .join('\n')}
      (local.set $folders (i32.const 0))
      (block $none (loop $next
        (br_if $none (call $prestat (i32.add (i32.const 3) (local.get $folders)) (i32.const 24)))
        (local.set $folders (i32.add (local.get $folders) (i32.const 1)))
        (br $next)))
      (call $byte (i32.add (i32.const 48) (local.get $folders)))
      (call $byte (i32.const 34))
      (call $byte (i32.const 10))
      (i32.store (i32.const 0) (i32.const 8192))
      (i32.store (i32.const 4) (i32.sub (global.get $end) (i32.const 8192)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more))))`;

const badDescriptor = 8;

async function outcome(
  t: Parameters<typeof startWasm>[0],
  folder: string | undefined,
): Promise<readonly number[]> {
  const { heard, instance } = await startWasm(t, reaches, {
    program: { protocol: 'events', ...(folder === undefined ? {} : { folder }) },
  });
  instance.begin(1, eventMessage(1, '1'), nothing);
  await heard.ended(1);
  const digits = JSON.parse(String(heard.lineOf(1, 'R')?.[0])) as string;
  return [...(digits.slice(0, -1).match(/\d\d/g) ?? []), digits.slice(-1)].map(Number);
}

void t.test('files: a guest that was given no folder opens none', { skip: withoutAddon }, async (t) => {
  t.same(await outcome(t, undefined), [...attempts.map(() => badDescriptor), 0]);
});

void t.test('files: a guest reads below its folder, and nothing else', { skip: withoutAddon }, async (t) => {
  const own = join(wasmFolder, 'app-own');
  mkdirSync(join(own, 'deep'), { recursive: true });
  writeFileSync(join(wasmFolder, 'secret.txt'), 'secret');
  for (const file of ['own.txt', 'deep/own.txt']) writeFileSync(join(own, file), 'own');
  symlinkSync('../secret.txt', join(own, 'link'));
  symlinkSync('..', join(own, 'up'));
  const codes = await outcome(t, 'app-own');
  t.equal(codes.at(-1), 1, 'one folder');
  for (const [at, { path, how }] of attempts.entries()) {
    const inside = how === 0 && path.endsWith('own.txt');
    const what = `${path}, ${['to read', 'created', 'to write'][how]}`;
    if (inside) t.equal(codes[at], 0, what);
    else t.not(codes[at], 0, `${what}: ${codes[at]}`);
  }
});
