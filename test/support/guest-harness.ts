import { randomBytes } from 'node:crypto';
import ivm from 'isolated-vm';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import type { EventHead, RequestHead } from '#runtime/guest/protocol.ts';
import { splitBundle } from '#runtime/guest/parts.ts';
import { In } from '#runtime/guest/protocol.ts';
import { collectAtExit } from '#runtime/isolate/collect-at-exit.ts';
import { serveAtOnce } from './services.ts';

/** One line of the guest, taken apart; `bytes` is what its [off, len] points to, when it has one. */
export interface Line {
  readonly letter: string;
  readonly inv: number;
  readonly json: readonly unknown[];
  readonly all: Uint8Array | undefined;
}

export interface GuestOptions {
  readonly vars?: Readonly<Record<string, string>>;
  readonly bindings?: readonly { readonly name: string; readonly kind: string }[];
}

collectAtExit();
const bundle = loadGuestBundle().then(({ source }) => splitBundle(source));

/** The time at which a guest under test starts. */
export const startTime = 1_700_000_000_000;

/** The bootstrap in a real isolate with a guest module in it; the test is the engine. */
export class GuestHarness {
  readonly #isolate: ivm.Isolate;
  readonly #deliver: ivm.Reference;
  /** Lines not taken yet. */
  lines: Line[];
  /** Rejections that no guest code handled: isolated-vm throws the first one of an entry after its microtasks. */
  readonly rejections: unknown[] = [];
  /** How often the guest sent. */
  sends = 0;
  readonly marker: Int32Array;
  now: number = startTime;
  /** V8 ends an entry after this many ms. */
  timeoutMs: number = 10_000;

  private constructor(isolate: ivm.Isolate, deliver: ivm.Reference, marker: Int32Array) {
    this.#isolate = isolate;
    this.#deliver = deliver;
    this.lines = [];
    this.marker = marker;
  }

  static async open(source: string, options: GuestOptions = {}): Promise<GuestHarness> {
    const isolate = new ivm.Isolate({ memoryLimit: 128 });
    const context = isolate.createContextSync();
    const script = isolate.compileScriptSync((await bundle).script);
    const install = script.runSync(context, { reference: true });
    const marker = new Int32Array(new SharedArrayBuffer(8));
    const early: Line[] = [];
    let harness: GuestHarness | undefined;
    const send = new ivm.Callback((text: string, bytes: ArrayBuffer | undefined) => {
      if (harness !== undefined) harness.sends++;
      (harness?.lines ?? early).push(...parseLines(text, bytes));
    });
    const sync = new ivm.Callback((method: string, text: string) =>
      method === 'entropy' ? randomBytes(4096).toString('base64') : text.toLowerCase(),
    );
    const guest = install.applySync(
      undefined,
      [
        send,
        sync,
        new ivm.ExternalCopy(marker).copyInto({ release: true }),
        new ivm.ExternalCopy(new Uint8Array(randomBytes(4096)).buffer).copyInto({ release: true }),
        new ivm.Callback(serveAtOnce),
        (await bundle).pieces,
      ],
      { result: { reference: true } },
    ) as ivm.Reference<Record<'deliver' | 'prepare' | 'start', unknown>>;
    const head = JSON.stringify({
      function: 'shop',
      version: 3,
      memoryMb: 128,
      vars: options.vars ?? {},
      bindings: options.bindings ?? [],
      agent: 'islet/test',
    });
    const part = (name: 'deliver' | 'prepare' | 'start'): ivm.Reference =>
      guest.getSync(name, { reference: true }) as ivm.Reference;
    part('prepare').applySync(undefined, [head, startTime]);
    const module = isolate.compileModuleSync(source);
    module.instantiateSync(context, () => {
      throw new Error('no imports');
    });
    harness = new GuestHarness(isolate, part('deliver'), marker);
    await module.evaluate();
    part('start').applySync(undefined, [module.namespace.derefInto({ release: true }), head]);
    return harness;
  }

  /** One message of the engine; returns the lines it led to. */
  deliver(message: readonly unknown[], bytes?: Uint8Array, more = 0): Line[] {
    const buffer = bytes === undefined ? undefined : new Uint8Array(bytes).buffer;
    try {
      this.#deliver.applySync(undefined, [JSON.stringify(message), buffer, more, this.now], {
        arguments: { copy: true },
        timeout: this.timeoutMs,
      });
    } catch (error) {
      this.rejections.push(error);
    }
    return more === 1 ? [] : this.take();
  }

  take(): Line[] {
    const { lines } = this;
    this.lines = [];
    return lines;
  }

  request(inv: number, head: Partial<RequestHead> = {}, body?: Uint8Array | string): Line[] {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    return this.deliver(
      [In.Request, inv, requestHead({ ...head, b: head.b ?? (bytes ? 1 : 0) }), 0, bytes?.length ?? 0],
      bytes,
    );
  }

  event(inv: number, e: unknown, head: Partial<EventHead> = {}): Line[] {
    return this.deliver([In.Event, inv, { e, id: `id-${inv}`, d: this.now + 30_000, ...head }]);
  }

  dispose(): void {
    this.#isolate.dispose();
  }
}

export function requestHead(head: Partial<RequestHead> = {}): RequestHead {
  return { m: 'GET', u: 'http://shop.test/', h: [], b: 0, id: 'id', d: startTime + 30_000, ...head };
}

function parseLines(text: string, all: ArrayBuffer | undefined): Line[] {
  return text.split('\n').map((line) => {
    const parts = /^([A-Z])(\d+) (.+)$/s.exec(line);
    if (parts === null) throw new Error(`not a line: ${line}`);
    return {
      letter: parts[1] ?? '',
      inv: Number(parts[2]),
      json: JSON.parse(parts[3] ?? '') as unknown[],
      all: all === undefined ? undefined : new Uint8Array(all),
    };
  });
}

/** The first line with this letter; fails when there is none. */
export function lineOf(lines: readonly Line[], letter: string): Line {
  const line = lines.find((one) => one.letter === letter);
  if (line === undefined)
    throw new Error(`no ${letter} in ${JSON.stringify(lines.map((l) => [l.letter, l.json]))}`);
  return line;
}

export const letters = (lines: readonly Line[]): string => lines.map((line) => line.letter).join('');

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** An A or H line with a whole body, as a response. */
export function answerOf(lines: readonly Line[]): Answer {
  const line = lines.find((one) => one.letter === 'A' || one.letter === 'H');
  if (line === undefined)
    throw new Error(`no answer in ${JSON.stringify(lines.map((l) => [l.letter, l.json]))}`);
  const [status, flat, kind, body] = line.json as [number, string[], number, unknown];
  const headers: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) {
    const name = flat[index] ?? '';
    const value = flat[index + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const bytes =
    kind === 1
      ? new TextEncoder().encode(body as string)
      : kind === 2
        ? sliceOf(line, body)
        : new Uint8Array(0);
  return { status, headers, text: new TextDecoder().decode(bytes), bytes };
}

function sliceOf(line: Line, body: unknown): Uint8Array {
  const [offset, length] = body as [number, number];
  return (line.all ?? new Uint8Array(0)).slice(offset, offset + length);
}

/** The bytes of C lines of one stream, in order. */
export function chunksOf(lines: readonly Line[], stream: number): Uint8Array {
  const parts = lines
    .filter((line) => line.letter === 'C' && line.json[0] === stream)
    .map((line) => sliceOf(line, line.json.slice(1)));
  return new Uint8Array(Buffer.concat(parts));
}

/** Evaluates an expression in a handler and gives its JSON; console lines and the like are dropped. */
export async function evaluate(expression: string, options?: GuestOptions): Promise<unknown> {
  const guest = await GuestHarness.open(
    `export default { async fetch(request, env, ctx) { return Response.json({ value: await (${expression}) }) } }`,
    options,
  );
  try {
    const { value } = JSON.parse(answerOf(guest.request(1)).text) as { value: unknown };
    return value;
  } finally {
    guest.dispose();
  }
}
