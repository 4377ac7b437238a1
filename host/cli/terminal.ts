import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';
type Out = Writable & { readonly isTTY?: boolean };

/** Progress shows when a thing takes longer than this. */
const patienceMs = 1_000;

/** Where a verb prints: results on stdout, everything else on stderr; colours and progress on terminals only. */
export class Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly #stdout: Out;
  readonly #stderr: Out;

  constructor(streams: { readonly stdin: NodeJS.ReadStream; readonly stdout: Out; readonly stderr: Out }) {
    this.stdin = streams.stdin;
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
  }

  /** Somebody is there to answer a question. */
  get interactive(): boolean {
    return this.stdin.isTTY && this.#stderr.isTTY === true;
  }

  line(text: string): void {
    this.#stdout.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  bytes(bytes: Uint8Array): void {
    this.#stdout.write(bytes);
  }

  /** A line for the person, beside the result. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Without the line's end, for prompts. */
  ask(text: string): void {
    this.#stderr.write(text);
  }

  /** Styled for stdout; plain where it is not a terminal or NO_COLOR is set. */
  style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stdout });
  }

  /** The same for stderr. */
  noteStyle(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stderr });
  }

  /** Shows `label` and the seconds on stderr while `work` runs, from the first second on, on a terminal. */
  async during<T>(label: string, work: Promise<T>): Promise<T> {
    if (this.#stderr.isTTY !== true) return work;
    const began = performance.now();
    let shown = false;
    const timer = setInterval(() => {
      shown = true;
      const seconds = Math.floor((performance.now() - began) / 1000);
      this.#stderr.write(`\r${this.noteStyle('dim', `${label} … ${seconds} s`)}\u001b[K`);
    }, patienceMs);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      if (shown) this.#stderr.write('\r\u001b[K');
    }
  }

  /** Resolves when all that was written has left the process. */
  async flush(): Promise<void> {
    for (const stream of [this.#stdout, this.#stderr]) {
      if (stream.destroyed || stream.writableEnded) continue;
      await new Promise<void>((resolve) => {
        stream.write('', () => resolve());
      });
    }
  }
}

/**
 * Text from a guest, fit for a terminal: control characters other than tab and line feed become `\xNN`, so that a
 * log line can neither move the cursor nor talk to the terminal.
 */
export function visible(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what is replaced
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
