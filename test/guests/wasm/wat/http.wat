;; A wasi:http 0.2 component by hand, without any tool: what the letter after "/" says.
;;   (none) "Hello World!"   e  the request's body again   l  loops for ever   t  traps   g  grows until it may not,
;;   then traps   r  recurses without end   n  returns without an answer   b  "b" without end, never reading its input
;;   c  counts its instance's calls, a digit
(component
  (import "wasi:io/error@0.2.10" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.10" (instance $streams
    (export "input-stream" (type $input-stream (sub resource)))
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error-variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-variant)))
    (export "[method]input-stream.blocking-read" (func
      (param "self" (borrow $input-stream)) (param "len" u64) (result (result (list u8) (error $stream-error)))))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "input-stream" (type $input-stream))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:http/types@0.2.10" (instance $http
    (alias outer 1 $input-stream (type $outer-input))
    (export "input-stream" (type $input-stream (eq $outer-input)))
    (alias outer 1 $output-stream (type $outer-output))
    (export "output-stream" (type $output-stream (eq $outer-output)))
    (export "fields" (type $fields (sub resource)))
    (export "headers" (type $headers (eq $fields)))
    (export "trailers" (type $trailers (eq $fields)))
    (export "incoming-request" (type $incoming-request (sub resource)))
    (export "incoming-body" (type $incoming-body (sub resource)))
    (export "outgoing-response" (type $outgoing-response (sub resource)))
    (export "outgoing-body" (type $outgoing-body (sub resource)))
    (export "response-outparam" (type $response-outparam (sub resource)))
    (type $dns-record (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns (eq $dns-record)))
    (type $tls-record (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $tls-record)))
    (type $field-record (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field (eq $field-record)))
    (type $code-variant (variant
      (case "DNS-timeout") (case "DNS-error" $dns) (case "destination-not-found") (case "destination-unavailable")
      (case "destination-IP-prohibited") (case "destination-IP-unroutable") (case "connection-refused")
      (case "connection-terminated") (case "connection-timeout") (case "connection-read-timeout")
      (case "connection-write-timeout") (case "connection-limit-reached") (case "TLS-protocol-error")
      (case "TLS-certificate-error") (case "TLS-alert-received" $tls) (case "HTTP-request-denied")
      (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
      (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid") (case "HTTP-request-URI-too-long")
      (case "HTTP-request-header-section-size" (option u32)) (case "HTTP-request-header-size" (option $field))
      (case "HTTP-request-trailer-section-size" (option u32)) (case "HTTP-request-trailer-size" $field)
      (case "HTTP-response-incomplete") (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $field) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32)) (case "HTTP-response-trailer-size" $field)
      (case "HTTP-response-transfer-coding" (option string)) (case "HTTP-response-content-coding" (option string))
      (case "HTTP-response-timeout") (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $code (eq $code-variant)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]incoming-request.path-with-query" (func
      (param "self" (borrow $incoming-request)) (result (option string))))
    (export "[method]incoming-request.consume" (func
      (param "self" (borrow $incoming-request)) (result (result (own $incoming-body)))))
    (export "[method]incoming-body.stream" (func
      (param "self" (borrow $incoming-body)) (result (result (own $input-stream)))))
    (export "[constructor]outgoing-response" (func (param "headers" (own $headers)) (result (own $outgoing-response))))
    (export "[method]outgoing-response.body" (func
      (param "self" (borrow $outgoing-response)) (result (result (own $outgoing-body)))))
    (export "[method]outgoing-body.write" (func
      (param "self" (borrow $outgoing-body)) (result (result (own $output-stream)))))
    (export "[static]outgoing-body.finish" (func
      (param "this" (own $outgoing-body)) (param "trailers" (option (own $trailers))) (result (result (error $code)))))
    (export "[static]response-outparam.set" (func
      (param "param" (own $response-outparam))
      (param "response" (result (own $outgoing-response) (error $code)))))))
  (alias export $http "incoming-request" (type $incoming-request))
  (alias export $http "response-outparam" (type $response-outparam))

  ;; A memory of its own, so that imports can be lowered before the program that calls them is there. Every list the
  ;; host hands over takes the place of the one before, at 1024.
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))

  (core func $new-fields (canon lower (func $http "[constructor]fields")))
  (core func $path (canon lower (func $http "[method]incoming-request.path-with-query")
    (memory $memory) (realloc $realloc)))
  (core func $consume (canon lower (func $http "[method]incoming-request.consume") (memory $memory)))
  (core func $body-stream (canon lower (func $http "[method]incoming-body.stream") (memory $memory)))
  (core func $new-response (canon lower (func $http "[constructor]outgoing-response")))
  (core func $response-body (canon lower (func $http "[method]outgoing-response.body") (memory $memory)))
  (core func $body-write (canon lower (func $http "[method]outgoing-body.write") (memory $memory)))
  (core func $body-finish (canon lower (func $http "[static]outgoing-body.finish")
    (memory $memory) (realloc $realloc)))
  (core func $set (canon lower (func $http "[static]response-outparam.set") (memory $memory)))
  (core func $read (canon lower (func $streams "[method]input-stream.blocking-read")
    (memory $memory) (realloc $realloc)))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $drop-request (canon resource.drop $incoming-request))
  (core func $drop-output (canon resource.drop $output-stream))

  (core module $program
    (import "" "memory" (memory 1))
    (import "" "new-fields" (func $new-fields (result i32)))
    (import "" "path" (func $path (param i32 i32)))
    (import "" "consume" (func $consume (param i32 i32)))
    (import "" "body-stream" (func $body-stream (param i32 i32)))
    (import "" "new-response" (func $new-response (param i32) (result i32)))
    (import "" "response-body" (func $response-body (param i32 i32)))
    (import "" "body-write" (func $body-write (param i32 i32)))
    (import "" "body-finish" (func $body-finish (param i32 i32 i32 i32)))
    (import "" "set" (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
    (import "" "read" (func $read (param i32 i64 i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "drop-request" (func $drop-request (param i32)))
    (import "" "drop-output" (func $drop-output (param i32)))
    (data (i32.const 512) "Hello World!")
    (data (i32.const 600) "0")

    (func $recurse (param $n i32) (result i32)
      (i32.add (call $recurse (i32.add (local.get $n) (i32.const 1))) (local.get $n)))

    (func $grow
      (loop $more
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      unreachable)

    ;; 4096 bytes at a time: the most one blocking write may have.
    (func $echo (param $request i32) (param $out i32)
      (local $in i32)
      (call $consume (local.get $request) (i32.const 0))
      (call $body-stream (i32.load (i32.const 4)) (i32.const 0))
      (local.set $in (i32.load (i32.const 4)))
      (loop $more
        (call $read (local.get $in) (i64.const 4096) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then return))
        (call $write (local.get $out) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 16))
        (br_if $more (i32.eqz (i32.load8_u (i32.const 16))))))

    (func $babble (param $out i32)
      (memory.fill (i32.const 8192) (i32.const 98) (i32.const 4096))
      (loop $more
        (call $write (local.get $out) (i32.const 8192) (i32.const 4096) (i32.const 16))
        (br_if $more (i32.eqz (i32.load8_u (i32.const 16))))))

    (func (export "handle") (param $request i32) (param $outparam i32)
      (local $act i32) (local $response i32) (local $body i32) (local $out i32)
      (i32.store8 (i32.const 600) (i32.add (i32.load8_u (i32.const 600)) (i32.const 1)))
      ;; option<string>: some at 0, pointer at 4, length at 8
      (call $path (local.get $request) (i32.const 0))
      (if (i32.and (i32.load8_u (i32.const 0)) (i32.gt_u (i32.load (i32.const 8)) (i32.const 1)))
        (then (local.set $act (i32.load8_u (i32.add (i32.load (i32.const 4)) (i32.const 1))))))
      (if (i32.eq (local.get $act) (i32.const 108)) (then (loop $again (br $again))))
      (if (i32.eq (local.get $act) (i32.const 116)) (then unreachable))
      (if (i32.eq (local.get $act) (i32.const 103)) (then (call $grow)))
      (if (i32.eq (local.get $act) (i32.const 114)) (then (drop (call $recurse (i32.const 0)))))
      (if (i32.eq (local.get $act) (i32.const 110)) (then return))
      (local.set $response (call $new-response (call $new-fields)))
      (call $response-body (local.get $response) (i32.const 0))
      (local.set $body (i32.load (i32.const 4)))
      (call $body-write (local.get $body) (i32.const 0))
      (local.set $out (i32.load (i32.const 4)))
      (call $set (local.get $outparam) (i32.const 0) (local.get $response)
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (block $written
        (if (i32.eq (local.get $act) (i32.const 98)) (then (call $babble (local.get $out)) (br $written)))
        (if (i32.eq (local.get $act) (i32.const 101))
          (then (call $echo (local.get $request) (local.get $out)) (br $written)))
        (call $drop-request (local.get $request))
        (if (i32.eq (local.get $act) (i32.const 99))
          (then (call $write (local.get $out) (i32.const 600) (i32.const 1) (i32.const 0)) (br $written)))
        (call $write (local.get $out) (i32.const 512) (i32.const 12) (i32.const 0)))
      (call $drop-output (local.get $out))
      (call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0))))
  (core instance $p (instantiate $program (with "" (instance
    (export "memory" (memory $memory))
    (export "new-fields" (func $new-fields))
    (export "path" (func $path))
    (export "consume" (func $consume))
    (export "body-stream" (func $body-stream))
    (export "new-response" (func $new-response))
    (export "response-body" (func $response-body))
    (export "body-write" (func $body-write))
    (export "body-finish" (func $body-finish))
    (export "set" (func $set))
    (export "read" (func $read))
    (export "write" (func $write))
    (export "drop-request" (func $drop-request))
    (export "drop-output" (func $drop-output))))))

  (func $handle (param "request" (own $incoming-request)) (param "response-out" (own $response-outparam))
    (canon lift (core func $p "handle")))
  (component $handler
    (import "incoming-request" (type $r (sub resource)))
    (import "response-outparam" (type $o (sub resource)))
    (import "handle" (func $h (param "request" (own $r)) (param "response-out" (own $o))))
    (export "handle" (func $h)))
  (instance $exported (instantiate $handler
    (with "incoming-request" (type $incoming-request))
    (with "response-outparam" (type $response-outparam))
    (with "handle" (func $handle))))
  (export "wasi:http/incoming-handler@0.2.10" (instance $exported)))
