import { readFileSync } from 'node:fs';
import { watGuest } from './wasm-guests.ts';

/** Types of wasi:http 0.3 that its handler has to do with, as it exports them. */
const shared = [
  'request',
  'response',
  'DNS-error-payload',
  'TLS-alert-received-payload',
  'field-size-payload',
  'error-code',
] as const;

/** Text of a wasi:http 0.3 component that does `body` while it starts, and traps when it is called. */
export function laterComponentStarting(body: string): string {
  const payloads = errorCode();
  return `(component
  (import "wasi:http/types@0.3.0" (instance $http
    (export "request" (type (sub resource)))
    (export "response" (type (sub resource)))
    ${payloads}))
  ${shared.map((name) => `(alias export $http "${name}" (type $${name}))`).join('\n  ')}
  (core module $program
    (memory (export "memory") 1)
    (func $begin ${body})
    (start $begin)
    (func (export "handle") (param i32) (result i32) unreachable))
  (core instance $p (instantiate $program))
  (alias core export $p "memory" (core memory $memory))
  (func $handle async (param "request" (own $request)) (result (result (own $response) (error $error-code)))
    (canon lift (core func $p "handle") (memory $memory)))
  (component $handler
    (import "request" (type $request (sub resource)))
    (import "response" (type $response (sub resource)))
    ${payloads.replaceAll('(export ', '(import ')}
    (import "handle" (func $handle async
      (param "request" (own $request)) (result (result (own $response) (error $code)))))
    (export "handle" (func $handle)))
  (instance $exported (instantiate $handler
    ${shared.map((name) => `(with "${name}" (type $${name}))`).join('\n    ')}
    (with "handle" (func $handle))))
  (export "wasi:http/handler@0.3.0" (instance $exported)))`;
}

/** The types up to `error-code`, which both versions of wasi:http have alike. */
function errorCode(): string {
  const http = readFileSync(watGuest('http'), 'utf8');
  const [types] = /\(type \$dns-record [^]*\(export "error-code"[^\n]*/.exec(http) ?? [];
  if (types === undefined) throw new TypeError('http.wat has no error-code');
  return types;
}
