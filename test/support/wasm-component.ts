import { readFileSync } from 'node:fs';
import { watGuest } from './wasm-guests.ts';

/**
 * test/guests/wasm/wat/http.wat with what islet gives components beside wasi:http, called by hand, in text form:
 *   /   answers "hello"           o  writes 100 lines of 10 bytes through wasi:logging, then answers "hello"
 *   k  the value of "key" in the bucket "KV", "none", or the error's message
 *   i  adds 3 to "n" with wasi:keyvalue/atomics, and answers with its last digit
 *   w  sets "key" to "written", then answers whether it exists: "1"   d  the same after deleting it: "0"
 *   s  swaps "key" for "swapped" by compare-and-set   c  the same with a write in between: "cas-failed"
 *   u  opens a bucket that is not there: "no-such-store"
 *   v  the variable or secret "WORD" by wasi:config, or "none"
 *   f  POSTs "sent on" to /y at the address that "UPSTREAM" holds, and answers with the status and what came back
 * and what http.wat does by its other letters, but for `c`.
 */
export function bindingsComponent(): string {
  let text = readFileSync(watGuest('http'), 'utf8');
  for (const [anchor, made] of [
    ['  (import "wasi:http/types@0.2.10" (instance $http', (line: string) => pollable + line],
    ['    (export "[constructor]fields" (func', (line: string) => outgoing + line],
    ['  (core func $drop-request', (line: string) => imports + lowerings + line],
    ['    (import "" "drop-output"', (line: string) => moduleImports + line],
    ['    (export "drop-output"', (line: string) => instanceExports + line],
    ['    (func (export "handle")', (line: string) => program + line],
    ['      (local.set $response (call $new-response', (line: string) => dispatch + line],
    [
      '        (call $write (local.get $out) (i32.const 512) (i32.const 12) (i32.const 0))',
      () =>
        '(call $write (local.get $out) (i32.load (i32.const 700)) (i32.load (i32.const 704)) (i32.const 0))',
    ],
  ] as const) {
    if (text.split(anchor).length !== 2) throw new TypeError(`http.wat has not one line ${anchor}`);
    text = text.replace(anchor, made);
  }
  return text;
}

const pollable = `
  (import "wasi:io/poll@0.2.10" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
`;

const outgoing = `
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $pollable (eq $outer-pollable)))
    (export "outgoing-request" (type $outgoing-request (sub resource)))
    (export "request-options" (type $request-options (sub resource)))
    (export "future-incoming-response" (type $future (sub resource)))
    (export "incoming-response" (type $incoming-response (sub resource)))
    (type $method-variant (variant (case "get") (case "head") (case "post") (case "put") (case "delete") (case "connect")
      (case "options") (case "trace") (case "patch") (case "other" string)))
    (export "method" (type $method (eq $method-variant)))
    (type $scheme-variant (variant (case "HTTP") (case "HTTPS") (case "other" string)))
    (export "scheme" (type $scheme (eq $scheme-variant)))
    (export "[constructor]outgoing-request" (func (param "headers" (own $headers)) (result (own $outgoing-request))))
    (export "[method]outgoing-request.set-method" (func
      (param "self" (borrow $outgoing-request)) (param "method" $method) (result (result))))
    (export "[method]outgoing-request.set-path-with-query" (func
      (param "self" (borrow $outgoing-request)) (param "path-with-query" (option string)) (result (result))))
    (export "[method]outgoing-request.set-scheme" (func
      (param "self" (borrow $outgoing-request)) (param "scheme" (option $scheme)) (result (result))))
    (export "[method]outgoing-request.set-authority" (func
      (param "self" (borrow $outgoing-request)) (param "authority" (option string)) (result (result))))
    (export "[method]outgoing-request.body" (func
      (param "self" (borrow $outgoing-request)) (result (result (own $outgoing-body)))))
    (export "[method]future-incoming-response.subscribe" (func
      (param "self" (borrow $future)) (result (own $pollable))))
    (export "[method]future-incoming-response.get" (func (param "self" (borrow $future))
      (result (option (result (result (own $incoming-response) (error $code)))))))
    (export "[method]incoming-response.status" (func (param "self" (borrow $incoming-response)) (result u16)))
    (export "[method]incoming-response.consume" (func
      (param "self" (borrow $incoming-response)) (result (result (own $incoming-body)))))
`;

const imports = `
  (alias export $http "outgoing-request" (type $outgoing-request))
  (alias export $http "request-options" (type $request-options))
  (alias export $http "future-incoming-response" (type $future))
  (alias export $http "error-code" (type $code))
  (import "wasi:http/outgoing-handler@0.2.10" (instance $outgoing
    (alias outer 1 $outgoing-request (type $outer-request))
    (export "outgoing-request" (type $outgoing-request (eq $outer-request)))
    (alias outer 1 $request-options (type $outer-options))
    (export "request-options" (type $request-options (eq $outer-options)))
    (alias outer 1 $future (type $outer-future))
    (export "future-incoming-response" (type $future (eq $outer-future)))
    (alias outer 1 $code (type $outer-code))
    (export "error-code" (type $code (eq $outer-code)))
    (export "handle" (func (param "request" (own $outgoing-request)) (param "options" (option (own $request-options)))
      (result (result (own $future) (error $code)))))))
  (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store
    (export "bucket" (type $bucket (sub resource)))
    (type $either (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $either)))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))
    (export "[method]bucket.get" (func
      (param "self" (borrow $bucket)) (param "key" string) (result (result (option (list u8)) (error $error)))))
    (export "[method]bucket.set" (func
      (param "self" (borrow $bucket)) (param "key" string) (param "value" (list u8)) (result (result (error $error)))))
    (export "[method]bucket.delete" (func
      (param "self" (borrow $bucket)) (param "key" string) (result (result (error $error)))))
    (export "[method]bucket.exists" (func
      (param "self" (borrow $bucket)) (param "key" string) (result (result bool (error $error)))))))
  (alias export $store "bucket" (type $bucket))
  (alias export $store "error" (type $kv-error))
  (import "wasi:keyvalue/atomics@0.2.0-draft2" (instance $atomics
    (export "cas" (type $cas (sub resource)))
    (alias outer 1 $bucket (type $outer-bucket))
    (export "bucket" (type $bucket (eq $outer-bucket)))
    (alias outer 1 $kv-error (type $outer-error))
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
  (import "wasi:logging/logging@0.1.0-draft" (instance $logging
    (type $levels (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $levels)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))
`;

/** Function of the component, the instance it is from, its name there, and the core type it is lowered to. */
const functions: readonly (readonly [name: string, from: string, what: string, type: string])[] = [
  ['block', '$poll', '[method]pollable.block', '(param i32)'],
  ['new-request', '$http', '[constructor]outgoing-request', '(param i32) (result i32)'],
  ['set-method', '$http', '[method]outgoing-request.set-method', '(param i32 i32 i32 i32) (result i32)'],
  [
    'set-path',
    '$http',
    '[method]outgoing-request.set-path-with-query',
    '(param i32 i32 i32 i32) (result i32)',
  ],
  ['set-scheme', '$http', '[method]outgoing-request.set-scheme', '(param i32 i32 i32 i32 i32) (result i32)'],
  [
    'set-authority',
    '$http',
    '[method]outgoing-request.set-authority',
    '(param i32 i32 i32 i32) (result i32)',
  ],
  ['request-body', '$http', '[method]outgoing-request.body', '(param i32 i32)'],
  ['subscribe', '$http', '[method]future-incoming-response.subscribe', '(param i32) (result i32)'],
  ['response-of', '$http', '[method]future-incoming-response.get', '(param i32 i32)'],
  ['status', '$http', '[method]incoming-response.status', '(param i32) (result i32)'],
  ['consume-response', '$http', '[method]incoming-response.consume', '(param i32 i32)'],
  ['fetch', '$outgoing', 'handle', '(param i32 i32 i32 i32)'],
  ['open', '$store', 'open', '(param i32 i32 i32)'],
  ['kv-get', '$store', '[method]bucket.get', '(param i32 i32 i32 i32)'],
  ['kv-set', '$store', '[method]bucket.set', '(param i32 i32 i32 i32 i32 i32)'],
  ['kv-delete', '$store', '[method]bucket.delete', '(param i32 i32 i32 i32)'],
  ['kv-exists', '$store', '[method]bucket.exists', '(param i32 i32 i32 i32)'],
  ['cas-new', '$atomics', '[static]cas.new', '(param i32 i32 i32 i32)'],
  ['increment', '$atomics', 'increment', '(param i32 i32 i32 i64 i32)'],
  ['swap', '$atomics', 'swap', '(param i32 i32 i32 i32)'],
  ['variable', '$config', 'get', '(param i32 i32 i32)'],
  ['log', '$logging', 'log', '(param i32 i32 i32 i32 i32)'],
];

const lines = (line: (...entry: (typeof functions)[number]) => string): string =>
  functions.map((entry) => `${line(...entry)}\n`).join('');

const lowerings = lines(
  (name, from, what) =>
    `(core func $${name} (canon lower (func ${from} "${what}") (memory $memory) (realloc $realloc)))`,
);
const moduleImports = lines((name, _from, _what, type) => `(import "" "${name}" (func $${name} ${type}))`);
const instanceExports = lines((name) => `(export "${name}" (func $${name}))`);

/** What a call gives is put at 128; the answer's address and length at 700. */
const program = `
    (data (i32.const 708) "hello")
    (data (i32.const 720) "KV")
    (data (i32.const 724) "key")
    (data (i32.const 728) "n")
    (data (i32.const 732) "none")
    (data (i32.const 740) "0123456789")
    (data (i32.const 752) "written")
    (data (i32.const 760) "swapped")
    (data (i32.const 768) "cas-failed")
    (data (i32.const 780) "no-such-store")
    (data (i32.const 796) "WORD")
    (data (i32.const 800) "UPSTREAM")
    (data (i32.const 808) "/y")
    (data (i32.const 812) "sent on")

    (func $say (param $at i32) (param $length i32)
      (i32.store (i32.const 700) (local.get $at))
      (i32.store (i32.const 704) (local.get $length)))
    (func $digit (param $number i32)
      (i32.store8 (i32.const 600) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (call $say (i32.const 600) (i32.const 1)))
    ;; Says why when the call failed: 1 then.
    (func $failed (result i32)
      (if (i32.eqz (i32.load8_u (i32.const 128))) (then (return (i32.const 0))))
      (if (i32.eq (i32.load8_u (i32.const 132)) (i32.const 2))
        (then (call $say (i32.load (i32.const 136)) (i32.load (i32.const 140))))
        (else (call $say (i32.const 780) (i32.const 13))))
      (i32.const 1))
    ;; What a result of an option of bytes holds.
    (func $optional
      (if (call $failed) (then return))
      (if (i32.load8_u (i32.const 132))
        (then (call $say (i32.load (i32.const 136)) (i32.load (i32.const 140))))
        (else (call $say (i32.const 732) (i32.const 4)))))
    (func $bucket (result i32)
      (call $open (i32.const 720) (i32.const 2) (i32.const 128))
      (if (i32.load8_u (i32.const 128)) (then unreachable))
      (i32.load (i32.const 132)))
    (func $exists (param $bucket i32)
      (call $kv-exists (local.get $bucket) (i32.const 724) (i32.const 3) (i32.const 128))
      (if (call $failed) (then return))
      (call $digit (i32.load8_u (i32.const 132))))
    (func $swaps (param $bucket i32) (param $between i32)
      (local $cas i32)
      (call $cas-new (local.get $bucket) (i32.const 724) (i32.const 3) (i32.const 128))
      (if (call $failed) (then return))
      (local.set $cas (i32.load (i32.const 132)))
      (if (local.get $between) (then
        (call $kv-set (local.get $bucket) (i32.const 724) (i32.const 3) (i32.const 752) (i32.const 7) (i32.const 128))))
      (call $swap (local.get $cas) (i32.const 760) (i32.const 7) (i32.const 128))
      (call $say (i32.const 760) (i32.const 7))
      (if (i32.load8_u (i32.const 128)) (then
        (if (i32.ne (i32.load8_u (i32.const 132)) (i32.const 1)) (then unreachable))
        (call $say (i32.const 768) (i32.const 10)))))
    (func $logs
      (local $left i32)
      (local.set $left (i32.const 100))
      (loop $more
        (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 740) (i32.const 10))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $more (local.get $left))))
    ;; "203 " and the body, from 4096 on.
    (func $fetches
      (local $request i32) (local $body i32) (local $stream i32) (local $future i32) (local $status i32) (local $at i32)
      (local.set $request (call $new-request (call $new-fields)))
      (drop (call $set-method (local.get $request) (i32.const 2) (i32.const 0) (i32.const 0)))
      (drop (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call $set-path (local.get $request) (i32.const 1) (i32.const 808) (i32.const 2)))
      (call $variable (i32.const 800) (i32.const 8) (i32.const 128))
      (drop (call $set-authority (local.get $request) (i32.const 1) (i32.load (i32.const 136)) (i32.load (i32.const 140))))
      (call $request-body (local.get $request) (i32.const 128))
      (local.set $body (i32.load (i32.const 132)))
      (call $body-write (local.get $body) (i32.const 128))
      (local.set $stream (i32.load (i32.const 132)))
      (call $fetch (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
      (if (i32.load8_u (i32.const 128)) (then unreachable))
      (local.set $future (i32.load (i32.const 136)))
      (call $write (local.get $stream) (i32.const 812) (i32.const 7) (i32.const 128))
      (call $drop-output (local.get $stream))
      (call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 128))
      (call $block (call $subscribe (local.get $future)))
      (call $response-of (local.get $future) (i32.const 128))
      ;; option, result of having been asked for once, result of the request
      (if (i32.eqz (i32.load8_u (i32.const 128))) (then unreachable))
      (if (i32.load8_u (i32.const 136)) (then unreachable))
      (if (i32.load8_u (i32.const 144)) (then (call $say (i32.const 732) (i32.const 4)) (return)))
      (local.set $status (call $status (i32.load (i32.const 152))))
      (i32.store8 (i32.const 4096) (i32.add (i32.const 48) (i32.div_u (local.get $status) (i32.const 100))))
      (i32.store8 (i32.const 4097)
        (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $status) (i32.const 10)) (i32.const 10))))
      (i32.store8 (i32.const 4098) (i32.add (i32.const 48) (i32.rem_u (local.get $status) (i32.const 10))))
      (i32.store8 (i32.const 4099) (i32.const 32))
      (local.set $at (i32.const 4100))
      (call $consume-response (i32.load (i32.const 152)) (i32.const 128))
      (call $body-stream (i32.load (i32.const 132)) (i32.const 128))
      (local.set $stream (i32.load (i32.const 132)))
      (block $end (loop $more
        (call $read (local.get $stream) (i64.const 1024) (i32.const 128))
        (br_if $end (i32.load8_u (i32.const 128)))
        (memory.copy (local.get $at) (i32.load (i32.const 132)) (i32.load (i32.const 136)))
        (local.set $at (i32.add (local.get $at) (i32.load (i32.const 136))))
        (br $more)))
      (call $say (i32.const 4096) (i32.sub (local.get $at) (i32.const 4096))))

`;

const dispatch = `
      (call $say (i32.const 708) (i32.const 5))
      ${on('o', '(call $logs)')}
      ${on('k', '(call $kv-get (call $bucket) (i32.const 724) (i32.const 3) (i32.const 128)) (call $optional)')}
      ${on(
        'i',
        `(call $increment (call $bucket) (i32.const 728) (i32.const 1) (i64.const 3) (i32.const 128))
         (if (i32.eqz (call $failed)) (then (call $digit (i32.load (i32.const 136)))))`,
      )}
      ${on(
        'w',
        `(call $kv-set (call $bucket) (i32.const 724) (i32.const 3) (i32.const 752) (i32.const 7) (i32.const 128))
         (if (i32.eqz (call $failed)) (then (call $exists (call $bucket))))`,
      )}
      ${on(
        'd',
        `(call $kv-delete (call $bucket) (i32.const 724) (i32.const 3) (i32.const 128))
         (if (i32.eqz (call $failed)) (then (call $exists (call $bucket))))`,
      )}
      ${on('s', '(call $swaps (call $bucket) (i32.const 0))')}
      ${on('c', '(call $swaps (call $bucket) (i32.const 1)) (local.set $act (i32.const 0))')}
      ${on('u', '(call $open (i32.const 732) (i32.const 4) (i32.const 128)) (drop (call $failed))')}
      ${on('v', '(call $variable (i32.const 796) (i32.const 4) (i32.const 128)) (call $optional)')}
      ${on('f', '(call $fetches)')}
`;

function on(letter: string, body: string): string {
  return `(if (i32.eq (local.get $act) (i32.const ${letter.charCodeAt(0)})) (then ${body}))`;
}
