;; A resident loop: each line on stdin is one event, and the same line on stdout its result. The line "null" traps;
;; "0" loops for ever; "1" prints without ever ending its line.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $print (param $from i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (local $length i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 65536))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then return))
      (local.set $length (i32.load (i32.const 8)))
      (if (i32.eqz (local.get $length)) (then return))
      (if (i32.eq (local.get $length) (i32.const 2)) (then
        (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 48)) (then (loop $again (br $again))))
        (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 49)) (then
          (loop $again (call $print (i32.const 1024) (i32.const 1)) (br $again))))))
      (if (i32.eq (i32.load (i32.const 1024)) (i32.const 0x6c6c756e)) (then unreachable))
      (call $print (i32.const 1024) (local.get $length))
      (br $more))))
