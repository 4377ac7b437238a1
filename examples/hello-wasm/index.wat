;; A WASI preview 1 command that answers a request the way CGI programs do (RFC 3875): what it prints is the response,
;; a header, an empty line, then the body. One run, one request.
(module
  ;; fd_write(file, vectors, count, written) -> errno
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 1)
  (data (i32.const 16) "Content-Type: text/plain\r\n\r\nHello from WebAssembly!\n")

  (func (export "_start")
    ;; One vector at 0: where the text begins, and its length.
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 52))
    ;; File 1 is stdout; the number of bytes written goes to 8.
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
