import type { Invocation } from './invocation.ts';
import type { TakenBody } from './web/index.ts';
import { OutgoingBody } from './bodies.ts';
import { copyBytes, quote, quoteList, stringSlice, viewLength } from './primordials.ts';
import { writeBytes } from './output.ts';
import { Out, inlineBytes } from './protocol.ts';
import { describe } from './thrown.ts';
import { encodeUtf8, hasHeader } from './web/index.ts';

/** A response as the guest gave it; headers flat. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: TakenBody;
}

/** Sends the head, and the body whole when it is small, else as stream 1. */
export function sendReply(invocation: Invocation, reply: Reply): void {
  const { body } = reply;
  switch (body.kind) {
    case 'none':
      return sendWhole(invocation, reply, '0,null');
    case 'text':
      return sendText(invocation, reply, body.text);
    case 'bytes':
      return sendBytes(invocation, reply, body.bytes);
    case 'stream':
      sendHead(invocation, reply);
      void openBody(invocation).sendStream(body.stream);
  }
}

function sendText(invocation: Invocation, reply: Reply, text: string): void {
  // A UTF-16 unit takes three bytes of UTF-8 at most.
  if (text.length * 3 <= inlineBytes) sendWhole(invocation, reply, `1,${quote(text)}`);
  else sendBytes(invocation, reply, encodeUtf8(text));
}

function sendBytes(invocation: Invocation, reply: Reply, bytes: Uint8Array): void {
  const length = viewLength(bytes);
  if (length <= inlineBytes) {
    const offset = writeBytes(copyBytes(bytes, 0, length));
    sendWhole(invocation, reply, `2,[${offset},${length}]`);
    return;
  }
  sendHead(invocation, reply, length);
  void openBody(invocation).sendBytes(copyBytes(bytes, 0, length));
}

function openBody(invocation: Invocation): OutgoingBody {
  return new OutgoingBody(invocation, 1, () => invocation.complete());
}

/** With the length of a body that follows in pieces though it is known whole, unless the guest has said one. */
function sendHead(invocation: Invocation, { status, headers }: Reply, length = -1): void {
  const list = quoteList(headers);
  const told = length < 0 || hasHeader(headers, 'content-length');
  const known = told
    ? list
    : `${stringSlice(list, 0, -1)}${headers.length === 0 ? '' : ','}"content-length","${length}"]`;
  invocation.emit(Out.Head, `[${status},${known},3,null]`);
}

function sendWhole(invocation: Invocation, reply: Reply, body: string): void {
  const json = `[${reply.status},${quoteList(reply.headers)},${body}]`;
  const last = invocation.idle;
  if (last) invocation.clearTimers();
  invocation.emit(last ? Out.Answer : Out.Head, json);
  invocation.complete(last);
}

export type Phase = 'startup' | 'handler' | 'result';

/** The handler threw, or its result cannot be used. */
export function sendThrown(invocation: Invocation, thrown: unknown, phase: Phase): void {
  invocation.emit(Out.Threw, thrownJson(thrown, phase));
  invocation.complete();
}

export function thrownJson(thrown: unknown, phase: Phase): string {
  const { name, message, stack } = describe(thrown);
  return `[${quote(name)},${quote(message)},${quote(stack)},${quote(phase)}]`;
}

/** An event handler's result, JSON text. */
export function sendReturned(invocation: Invocation, json: string | undefined): void {
  invocation.emit(Out.Returned, `[${json === undefined ? 'null' : quote(json)}]`);
  invocation.complete();
}

export function sendNoHandler(invocation: Invocation, reason: string): void {
  invocation.emit(Out.NoHandler, `[${quote(reason)}]`);
  invocation.complete();
}
