import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Test } from 'tap';
import { languageProgram } from '#host/deploy/languages/language-program.ts';
import { Operations } from '#host/dispatch/operations.ts';
import type { Attachment } from '#runtime/binding.ts';
import { In, type RequestHead, type StartHead } from '#runtime/guest/protocol.ts';
import { LambdaLines, toLogLine } from '#runtime/wasm/lambda-lines.ts';
import { temporaryDir } from './store-files.ts';

type Files = Readonly<Record<string, string | Uint8Array>>;

export interface GuestOptions {
  readonly handler?: string;
  /** env.KV. */
  readonly kv?: Attachment;
}

/** How an invocation ended: the letters of guest/protocol.ts. */
export interface Ending {
  readonly letter: string;
  readonly json: readonly unknown[];
  readonly bytes: Buffer;
}

const repository = resolve(import.meta.dirname, '../..');
const program = join(import.meta.dirname, 'wasi-process.ts');
const modules = mkdtempSync(join(tmpdir(), 'islet-modules-'));
process.on('exit', () => rmSync(modules, { recursive: true, force: true }));

/** Writes the folder and packs it as a deploy would, the interpreter taken from this repository's packages. */
export async function packLanguage(
  t: Test,
  entry: string,
  files: Files,
  options: {
    readonly handler?: string;
    readonly mostBytes?: number;
    readonly searchFrom?: readonly string[];
  } = {},
): ReturnType<typeof languageProgram> {
  const root = temporaryDir(t);
  writeFiles(root, files);
  return languageProgram({ root, entry, mostBytes: 1e6, searchFrom: [repository], ...options });
}

function writeFiles(root: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** An interpreter with a handler in a process of its own, spoken to through LambdaLines as a cell does. */
export class LanguageGuest {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #head: StartHead;
  readonly #kv: Attachment | undefined;
  readonly #answers: AsyncIterator<Buffer>;
  readonly #exit: Promise<number>;
  readonly #errors: string[] = [];
  #logged = 0;
  #invocation = 0;

  private constructor(
    process: ChildProcessByStdio<Writable, Readable, Readable>,
    kv: Attachment | undefined,
  ) {
    this.#process = process;
    this.#kv = kv;
    const bindings = kv === undefined ? [] : [{ name: 'KV', kind: 'kv' }];
    this.#head = { function: 'shop', version: 3, memoryMb: 128, vars: {}, bindings, agent: 'islet' };
    this.#answers = linesOf(process.stdout);
    createInterface(process.stderr).on('line', (line) => this.#errors.push(line));
    this.#exit = once(process, 'close').then(([code]) => code as number);
  }

  static async open(
    t: Test,
    entry: string,
    files: Files,
    options: GuestOptions = {},
  ): Promise<LanguageGuest> {
    const { kv, ...rest } = options;
    const code = await packLanguage(t, entry, files, rest);
    const file = join(modules, `${entry.split('.').at(-1)}.wasm`);
    writeFileSync(file, code.module);
    const app = temporaryDir(t);
    writeFiles(app, Object.fromEntries(code.files.map(({ path, bytes }) => [path, bytes])));
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, file, app, ...code.program.args],
      { stdio: ['pipe', 'pipe', 'pipe'], env: {} },
    );
    const guest = new LanguageGuest(child, kv);
    t.teardown(() => guest.close());
    return guest;
  }

  async close(): Promise<void> {
    this.#process.stdin.destroy();
    this.#process.kill('SIGKILL');
    await this.#exit;
  }

  /** Its end of input, waited for: exit code and what it wrote to standard error. */
  async ended(): Promise<{ readonly code: number; readonly errors: string }> {
    this.#process.stdin.end();
    const code = await this.#exit;
    return { code, errors: this.#errors.join('\n') };
  }

  /** Log lines since the last call, [level, text]; of the last invocation once it is over and `ended` was waited for. */
  logs(): readonly (readonly [string, string])[] {
    const lines = this.#errors.slice(this.#logged);
    this.#logged = this.#errors.length;
    return lines.map((line) => JSON.parse(toLogLine(JSON.stringify(['error', line]))) as [string, string]);
  }

  event(event: unknown, more: object = {}): Promise<Ending> {
    return this.#run((number) => {
      const rest = { id: `id-${number}`, d: Date.now() + 60_000, ...more };
      return `[${In.Event},${number},{"e":${JSON.stringify(event)},${JSON.stringify(rest).slice(1)}]`;
    });
  }

  request(head: Partial<RequestHead>, body: Uint8Array = new Uint8Array()): Promise<Ending> {
    return this.#run((number) => {
      const b = body.length === 0 ? 0 : 1;
      const rest = { m: 'GET', u: 'http://shop.localhost/', h: [], b, id: `id-${number}`, d: 1e15, ...head };
      return `[${In.Request},${number},${JSON.stringify(rest)},0,${body.length}]`;
    }, body);
  }

  async #run(first: (number: number) => string, body: Uint8Array = new Uint8Array()): Promise<Ending> {
    const number = ++this.#invocation;
    const state: { over: boolean; ending?: Ending } = { over: false };
    const operations = this.#operations(number, (message, bytes) => lines.message(message, bytes));
    const lines = new LambdaLines(
      {
        invocation: number,
        toGuest: (line) => void this.#process.stdin.write(Buffer.concat([line, Buffer.from('\n')])),
        emit: (letter, json, bytes = new Uint8Array()) => {
          if (!toOperations(operations, letter, json, bytes)) {
            state.ending = { letter, json: JSON.parse(json) as unknown[], bytes: Buffer.from(bytes) };
          }
        },
        outOfStep: () => this.#process.kill('SIGKILL'),
        done: () => (state.over = true),
      },
      this.#head,
    );
    lines.begin(first(number), body);
    while (!state.over) {
      const { value, done } = await this.#answers.next();
      if (done === true) throw new Error(`The interpreter is gone: ${this.#errors.join('\n')}`);
      lines.line(value);
    }
    operations.close();
    if (state.ending === undefined) throw new Error('It is over and said nothing');
    return state.ending;
  }

  /** The host's own side of operations. */
  #operations(number: number, send: (message: string, bytes: Uint8Array) => void): Operations {
    return new Operations({
      id: `id-${number}`,
      subrequests: 50,
      origin: { depth: 0 },
      request: undefined,
      attachment: (name) => (name === 'KV' ? this.#kv : undefined),
      renews: () => false,
      exceeded: () => undefined,
      redact: (text) => text,
      failed: (error) => {
        throw error;
      },
      send: (kind, rest, bytes) => send(`[${kind},${number},${rest}]`, bytes ?? new Uint8Array()),
    });
  }
}

/** Without newlines; readline would end lines at U+2028 too. */
async function* linesOf(stream: Readable): AsyncGenerator<Buffer> {
  let partial = Buffer.alloc(0);
  for await (const chunk of stream) {
    partial = Buffer.concat([partial, chunk as Buffer]);
    for (let end = partial.indexOf(10); end !== -1; end = partial.indexOf(10)) {
      yield partial.subarray(0, end);
      partial = partial.subarray(end + 1);
    }
  }
}

/** True when the line was for an operation. */
function toOperations(operations: Operations, letter: string, json: string, bytes: Uint8Array): boolean {
  const line = JSON.parse(json) as readonly number[];
  const [stream = 0, count = 0] = line;
  if (letter === 'O') operations.start(line, bytes);
  else if (letter === 'C') operations.chunk(stream, bytes);
  else if (letter === 'E') operations.end(stream);
  else if (letter === 'G') operations.credit(stream, count);
  else if (letter === 'X') operations.cancel(stream);
  else return false;
  return true;
}
