/** Functions in WebAssembly the bench deploys, as text: nothing has to be built for them. */

/** wasi:http 0.2, with a content-length so that any host of components sends the same answer. */
export const helloComponent = `;; wasi:http 0.2: "Hello World!" with a content-length, and nothing else.
(component
  (import "wasi:io/error@0.2.10" (instance $io-error (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.10" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error-variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-variant)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:http/types@0.2.10" (instance $http
    (alias outer 1 $output-stream (type $outer-output))
    (export "output-stream" (type $output-stream (eq $outer-output)))
    (export "fields" (type $fields (sub resource)))
    (export "headers" (type $headers (eq $fields)))
    (export "trailers" (type $trailers (eq $fields)))
    (export "incoming-request" (type $incoming-request (sub resource)))
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
    (type $header-error-variant (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $header-error (eq $header-error-variant)))
    (export "[method]fields.append" (func (param "self" (borrow $fields)) (param "name" string)
      (param "value" (list u8)) (result (result (error $header-error)))))
    (export "[constructor]fields" (func (result (own $fields))))
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

  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $m (instantiate $memory))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (core func $new-fields (canon lower (func $http "[constructor]fields")))
  (core func $append (canon lower (func $http "[method]fields.append") (memory $memory)))
  (core func $new-response (canon lower (func $http "[constructor]outgoing-response")))
  (core func $response-body (canon lower (func $http "[method]outgoing-response.body") (memory $memory)))
  (core func $body-write (canon lower (func $http "[method]outgoing-body.write") (memory $memory)))
  (core func $body-finish (canon lower (func $http "[static]outgoing-body.finish")
    (memory $memory) (realloc $realloc)))
  (core func $set (canon lower (func $http "[static]response-outparam.set") (memory $memory)))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $drop-output (canon resource.drop $output-stream))
  (core func $drop-request (canon resource.drop $incoming-request))
  (core module $program
    (import "" "memory" (memory 1))
    (import "" "new-fields" (func $new-fields (result i32)))
    (import "" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
    (import "" "new-response" (func $new-response (param i32) (result i32)))
    (import "" "response-body" (func $response-body (param i32 i32)))
    (import "" "body-write" (func $body-write (param i32 i32)))
    (import "" "body-finish" (func $body-finish (param i32 i32 i32 i32)))
    (import "" "set" (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "drop-output" (func $drop-output (param i32)))
    (import "" "drop-request" (func $drop-request (param i32)))
    (data (i32.const 512) "Hello World!content-length12")
    (func (export "handle") (param $request i32) (param $outparam i32)
      (local $fields i32) (local $response i32) (local $body i32) (local $out i32)
      (call $drop-request (local.get $request))
      (local.set $fields (call $new-fields))
      (call $append (local.get $fields) (i32.const 524) (i32.const 14) (i32.const 538) (i32.const 2) (i32.const 0))
      (local.set $response (call $new-response (local.get $fields)))
      (call $response-body (local.get $response) (i32.const 0))
      (local.set $body (i32.load (i32.const 4)))
      (call $body-write (local.get $body) (i32.const 0))
      (local.set $out (i32.load (i32.const 4)))
      (call $set (local.get $outparam) (i32.const 0) (local.get $response)
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (call $write (local.get $out) (i32.const 512) (i32.const 12) (i32.const 0))
      (call $drop-output (local.get $out))
      (call $body-finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0))))
  (core instance $p (instantiate $program (with "" (instance
    (export "memory" (memory $memory))
    (export "new-fields" (func $new-fields))
    (export "append" (func $append))
    (export "new-response" (func $new-response))
    (export "response-body" (func $response-body))
    (export "body-write" (func $body-write))
    (export "body-finish" (func $body-finish))
    (export "set" (func $set))
    (export "write" (func $write))
    (export "drop-output" (func $drop-output))
    (export "drop-request" (func $drop-request))))))
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
`;

/** A WASI preview 1 command, CGI. */
export const helloCommand = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "Content-Type: text/plain\\r\\n\\r\\nHello World!")
  (func (export "_start")
    ;; one iovec at 0: pointer, length
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 40))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
`;

/** What Lambda's console gives for a first function. */
export const helloPython = `import json

def lambda_handler(event, context):
    return {'statusCode': 200, 'headers': {'content-type': 'text/plain'}, 'body': 'Hello World!'}
`;
