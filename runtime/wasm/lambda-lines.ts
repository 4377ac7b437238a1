import { randomBytes } from 'node:crypto';
import type { GuestError } from '#runtime/outcome.ts';
import type { StartHead } from '#runtime/guest/protocol.ts';
import { IncomingCall, type WholeCall } from './call.ts';
import { LineOperation } from './line-operation.ts';
import type { Conversation, Lines } from './lines.ts';

/**
 * Protocol `lambda` (LINES.md): for each call one line in with event and context, one line out with the result or the
 * error, and between them operations on bindings, one at a time, each a line out and a line in. A line that is none of
 * these ends the invocation and the guest.
 */
export class LambdaLines implements Lines {
  readonly #conversation: Conversation;
  readonly #head: StartHead;
  readonly #call: IncomingCall;
  #operation: LineOperation | undefined;
  #lastOperation = 0;

  constructor(conversation: Conversation, head: StartHead) {
    this.#conversation = conversation;
    this.#head = head;
    this.#call = new IncomingCall(conversation, head.function, (call) => this.#start(call));
  }

  begin(message: string, bytes: Uint8Array): void {
    this.#call.begin(message, bytes);
  }

  message(message: string, bytes: Uint8Array): void {
    if (this.#call.message(message, bytes)) return;
    this.#operation?.message(JSON.parse(message) as readonly unknown[], bytes);
  }

  line(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    const said = this.#operation === undefined ? parseLine(text) : undefined;
    switch (said?.kind) {
      case 'result':
        return this.#call.answer(said.json);
      case 'error':
        return this.#call.fail(said.name, said.message, said.phase, said.stack);
      case 'operation':
        return this.#operate(said);
      case undefined:
        return this.#misunderstood(text);
    }
  }

  #start(call: WholeCall): void {
    const context = JSON.stringify(toContext(this.#head, call));
    const kinds = JSON.stringify(
      Object.fromEntries(this.#head.bindings.map(({ name, kind }) => [name, kind])),
    );
    this.#tell(`{"event":${call.event},"context":${context},"env":${kinds}}`);
  }

  #operate({ binding, method, args, bytes }: Said & { readonly kind: 'operation' }): void {
    this.#lastOperation += 2;
    this.#operation = new LineOperation(this.#conversation, this.#lastOperation, (answer) => {
      this.#operation = undefined;
      this.#tell(answer);
    });
    this.#operation.start({ binding, method, args, bytes });
  }

  #tell(line: string): void {
    this.#conversation.toGuest(Buffer.from(line));
  }

  #misunderstood(text: string): void {
    this.#conversation.outOfStep();
    const start = JSON.stringify(text.slice(0, 100));
    this.#call.fail(
      'Runtime.ProtocolError',
      `The function wrote to the descriptor that carries its answers: ${start}; print, or write to standard error`,
      'result',
    );
  }
}

/** What a line of the guest's says. */
type Said =
  | { readonly kind: 'result'; readonly json: string }
  | {
      readonly kind: 'error';
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      readonly phase: 'handler' | 'result';
    }
  | {
      readonly kind: 'operation';
      readonly binding: string;
      readonly method: string;
      readonly args: unknown;
      readonly bytes: Buffer | undefined;
    };

const resultStart = '{"result":';

/** Hostile input; undefined when it is not one of the three. A result stays text, so that no digit of it is lost. */
function parseLine(text: string): Said | undefined {
  if (text.startsWith(resultStart) && text.endsWith('}'))
    return { kind: 'result', json: text.slice(resultStart.length, -1) };
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof line !== 'object' || line === null) return undefined;
  const { error, op } = line as Readonly<Record<string, unknown>>;
  if (Array.isArray(op)) return toOperation(op);
  return typeof error === 'object' && error !== null ? toError(error) : undefined;
}

function toOperation([binding, method, args, body]: readonly unknown[]): Said | undefined {
  if (typeof binding !== 'string' || typeof method !== 'string') return undefined;
  const bytes = typeof body === 'string' ? Buffer.from(body, 'base64') : undefined;
  return { kind: 'operation', binding, method, args, bytes };
}

function toError(error: object): Said {
  const { name, message, stack, phase } = error as Readonly<Record<string, unknown>>;
  return {
    kind: 'error',
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : '',
    stack: typeof stack === 'string' ? stack : '',
    phase: phase === 'result' ? 'result' : 'handler',
  };
}

const logStreams: WeakMap<StartHead, string> = new WeakMap();

/** The fields of Lambda's context object, by the names of its Node.js runtime. */
function toContext(head: StartHead, call: WholeCall): object {
  const { function: name, version, memoryMb } = head;
  return {
    awsRequestId: call.id,
    deadlineMs: call.deadline,
    functionName: name,
    functionVersion: String(version),
    memoryLimitInMB: String(memoryMb),
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${name}:${version}`,
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: logStreamOf(head),
    ...(call.clientContext === undefined ? {} : { clientContext: call.clientContext }),
  };
}

/** `YYYY/MM/DD/[version]` and 32 hex digits, one for each instance: a head is parsed once for each. */
function logStreamOf(head: StartHead): string {
  let stream = logStreams.get(head);
  if (stream === undefined) {
    const date = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    stream = `${date}/[${head.version}]${randomBytes(16).toString('hex')}`;
    logStreams.set(head, stream);
  }
  return stream;
}

/** Bootstraps put this before each line of standard error that has a level, and the level's first letter behind it. */
const mark = '\u0001';
const levels: ReadonlyMap<string | undefined, string> = new Map([
  ['d', 'debug'],
  ['l', 'log'],
  ['i', 'info'],
  ['w', 'warn'],
  ['e', 'error'],
]);

/** JSON of an `L` line, [level, text], with the level that a bootstrap marked; without a mark it stays as it is. */
export function toLogLine(json: string): string {
  const [level, text] = JSON.parse(json) as readonly unknown[];
  if (typeof text !== 'string' || !text.startsWith(mark)) return json;
  return JSON.stringify([levels.get(text[1]) ?? level, text.slice(2)]);
}

/**
 * Why a start failed, read off what the interpreter wrote last: the bootstraps end a traceback with
 * `Runtime.ImportModuleError: …` and the like, as Lambda names these errors.
 */
export function toStartError(message: string, stack: string | undefined): GuestError {
  const lines = (stack ?? '').split('\n').map((line) => (line.startsWith(mark) ? line.slice(2) : line));
  const text = lines.join('\n').trim();
  for (const line of lines.toReversed()) {
    const match = /^([A-Za-z_][\w.:<>]*): (.*)$/.exec(line);
    if (match?.[1] === undefined) continue;
    return { name: match[1], message: match[2] ?? '', stack: text, phase: 'startup' };
  }
  return { name: 'Runtime.ExitError', message, ...(text === '' ? {} : { stack: text }), phase: 'startup' };
}
