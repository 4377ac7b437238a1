;; Calls a bit of every interface. `run` gives 1000 times the first byte of the value of "k" plus the sum of "n";
;; in between it swaps "k" until that succeeds. It logs the variable "A".
(component
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $either (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $either)))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))
    (export "[method]bucket.get" (func
      (param "self" (borrow $bucket)) (param "key" string) (result (result (option (list u8)) (error $error)))))))
  (alias export $store "bucket" (type $bucket))
  (alias export $store "error" (type $error))
  (import "wasi:keyvalue/atomics@0.2.0-draft2" (instance $atomics
    (export "cas" (type $cas (sub resource)))
    (alias outer 1 $bucket (type $outer-bucket))
    (export "bucket" (type $bucket (eq $outer-bucket)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $failure (variant (case "store-error" $error) (case "cas-failed" (own $cas))))
    (export "cas-error" (type $cas-error (eq $failure)))
    (export "[static]cas.new" (func
      (param "bucket" (borrow $bucket)) (param "key" string) (result (result (own $cas) (error $error)))))
    (export "increment" (func
      (param "bucket" (borrow $bucket)) (param "key" string) (param "delta" s64) (result (result s64 (error $error)))))
    (export "swap" (func (param "cas" (own $cas)) (param "value" (list u8)) (result (result (error $cas-error)))))))
  (import "wasi:config/store@0.2.0-rc.1" (instance $config
    (type $either (variant (case "upstream" string) (case "io" string)))
    (export "error" (type $error (eq $either)))
    (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))
  (import "wasi:logging/logging" (instance $logging
    (type $levels (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $levels)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))

  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 8192))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 15)) (i32.const -16)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $open (canon lower (func $store "open") (memory $memory) (realloc $realloc)))
  (core func $get (canon lower (func $store "[method]bucket.get") (memory $memory) (realloc $realloc)))
  (core func $new (canon lower (func $atomics "[static]cas.new") (memory $memory) (realloc $realloc)))
  (core func $increment (canon lower (func $atomics "increment") (memory $memory) (realloc $realloc)))
  (core func $swap (canon lower (func $atomics "swap") (memory $memory) (realloc $realloc)))
  (core func $var (canon lower (func $config "get") (memory $memory) (realloc $realloc)))
  (core func $log (canon lower (func $logging "log") (memory $memory) (realloc $realloc)))
  (core func $drop (canon resource.drop $bucket))

  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32 i32)))
    (import "host" "new" (func $new (param i32 i32 i32 i32)))
    (import "host" "increment" (func $increment (param i32 i32 i32 i64 i32)))
    (import "host" "swap" (func $swap (param i32 i32 i32 i32)))
    (import "host" "var" (func $var (param i32 i32 i32)))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (data (i32.const 0) "knA")
    ;; Traps unless the result at 1024 is ok.
    (func $ok (if (i32.load8_u (i32.const 1024)) (then unreachable)))
    (func $word (param $at i32) (result i32) (i32.load (local.get $at)))
    (func (export "run") (result i32)
      (local $bucket i32) (local $cas i32) (local $byte i32)
      (call $open (i32.const 0) (i32.const 0) (i32.const 1024)) (call $ok)
      (local.set $bucket (call $word (i32.const 1028)))
      (call $get (local.get $bucket) (i32.const 0) (i32.const 1) (i32.const 1024)) (call $ok)
      (if (i32.eqz (i32.load8_u (i32.const 1028))) (then unreachable))
      (local.set $byte (i32.load8_u (call $word (i32.const 1032))))
      (call $new (local.get $bucket) (i32.const 0) (i32.const 1) (i32.const 1024)) (call $ok)
      (local.set $cas (call $word (i32.const 1028)))
      (loop $again
        (call $swap (local.get $cas) (i32.const 1) (i32.const 1) (i32.const 1024))
        (if (i32.load8_u (i32.const 1024)) (then
          (if (i32.ne (i32.load8_u (i32.const 1028)) (i32.const 1)) (then unreachable))
          (local.set $cas (call $word (i32.const 1032)))
          (br $again))))
      (call $increment (local.get $bucket) (i32.const 1) (i32.const 1) (i64.const -3) (i32.const 1024)) (call $ok)
      (i32.add (i32.mul (local.get $byte) (i32.const 1000)) (i32.wrap_i64 (i64.load (i32.const 1032))))
      (call $drop (local.get $bucket))
      (call $var (i32.const 2) (i32.const 1) (i32.const 1024)) (call $ok)
      (if (i32.eqz (i32.load8_u (i32.const 1028))) (then unreachable))
      (call $log (i32.const 5) (i32.const 2) (i32.const 1) (call $word (i32.const 1032)) (call $word (i32.const 1036)))))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "open" (func $open)) (export "get" (func $get)) (export "new" (func $new))
      (export "increment" (func $increment)) (export "swap" (func $swap)) (export "var" (func $var))
      (export "log" (func $log)) (export "drop" (func $drop))))))
  (func (export "run") (result u32) (canon lift (core func $main "run"))))
