/**
 * The engine contract's guest as a preview 1 command, in text form: CGI, and what the first letter of the path says
 * (test/contract/engine.ts). `more` is one more letter, as a number, and what it does.
 *
 * Memory: iovec at 0, count at 8, texts from 16, environment pointers at 4096, environment at 16384, a buffer of 64 KiB
 * at 65536.
 */
export function command(more?: { readonly letter: string; readonly body: string }): string {
  const extra = more === undefined ? '' : on(more.letter, more.body);
  return `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "islet" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "islet" "answer" (func $answer (param i32)))
  (import "islet" "body_len" (func $body_len (result i32)))
  (import "islet" "body" (func $body (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "PATH_INFO=/")
  (data (i32.const 32) "Content-Type: text/plain\\n\\n")
  (data (i32.const 64) "hello")
  (data (i32.const 80) "0123456789\\n")
  (data (i32.const 96) "[\\"KV\\",\\"get\\",{\\"key\\":\\"key\\"}]")
  (table $table 1 funcref)

  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (loop $more
      (if (i32.eqz (local.get $length)) (then return))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $length))
      (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $exit (i32.const 3))))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
      (br $more)))
  (func $read (result i32)
    (i32.store (i32.const 0) (i32.const 65536))
    (i32.store (i32.const 4) (i32.const 65536))
    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $exit (i32.const 4))))
    (i32.load (i32.const 8)))
  (func $head (call $write (i32.const 1) (i32.const 32) (i32.const 26)))
  (func $hello (call $head) (call $write (i32.const 1) (i32.const 64) (i32.const 5)))

  ;; The byte after "PATH_INFO=/"; 0 where there is none.
  (func $letter (result i32)
    (local $at i32) (local $i i32) (local $entry i32)
    (drop (call $environ_sizes (i32.const 0) (i32.const 4)))
    (local.set $i (i32.load (i32.const 0)))
    (drop (call $environ (i32.const 4096) (i32.const 16384)))
    (loop $next
      (if (i32.eqz (local.get $i)) (then (return (i32.const 0))))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (local.set $entry (i32.load (i32.add (i32.const 4096) (i32.mul (local.get $i) (i32.const 4)))))
      (local.set $at (i32.const 0))
      (loop $same
        (if (i32.eq (local.get $at) (i32.const 11))
          (then (return (i32.load8_u (i32.add (local.get $entry) (i32.const 11))))))
        (br_if $next (i32.ne
          (i32.load8_u (i32.add (local.get $entry) (local.get $at)))
          (i32.load8_u (i32.add (i32.const 16) (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $same)))
    (i32.const 0))

  (func $recurse (param $n i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get $n) (i32.const 1))) (local.get $n)))

  (func $echo
    (local $length i32)
    (call $head)
    (loop $more
      (local.set $length (call $read))
      (if (i32.eqz (local.get $length)) (then return))
      (call $write (i32.const 1) (i32.const 65536) (local.get $length))
      (br $more)))

  (func $operate
    (local $length i32)
    (local.set $length (call $call (i32.const 96) (i32.const 26) (i32.const 0) (i32.const -1)))
    (call $head)
    (if (i32.ge_s (call $body_len) (i32.const 0))
      (then
        (local.set $length (call $body_len))
        (call $body (i32.const 65536))
        (call $write (i32.const 1) (i32.const 65536) (local.get $length)))
      (else
        (call $answer (i32.const 65536))
        (call $write (i32.const 1) (i32.const 65536) (local.get $length)))))

  (func (export "_start")
    (local $letter i32) (local $i i32)
    (local.set $letter (call $letter))
    ${on('e', '(call $echo) (return)')}
    ${on(
      'b',
      `(call $head)
      (memory.fill (i32.const 65536) (i32.const 98) (i32.const 4096))
      (loop $again (call $write (i32.const 1) (i32.const 65536) (i32.const 4096)) (br $again))`,
    )}
    ${on('l', '(loop $again (br $again))')}
    ${on('t', 'unreachable')}
    ${on('r', '(drop (call $recurse (i32.const 0)))')}
    ${on('g', '(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable')}
    ${on(
      'o',
      `(local.set $i (i32.const 100))
      (loop $again
        (call $write (i32.const 2) (i32.const 80) (i32.const 11))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br_if $again (local.get $i)))`,
    )}
    ${on('k', '(call $operate) (return)')}
    ${extra}
    (call $hello)))`;
}

function on(letter: string, body: string): string {
  return `(if (i32.eq (local.get $letter) (i32.const ${letter.charCodeAt(0)})) (then ${body}))`;
}

/** Traps while it starts. */
export const failsAtStart = `(module (memory (export "memory") 1)
  (func $boom unreachable) (start $boom) (func (export "_start")))`;

/** Never gets as far as its beginning. */
export const loopsAtStart = `(module (memory (export "memory") 1)
  (func $loop (loop $again (br $again))) (start $loop) (func (export "_start")))`;
