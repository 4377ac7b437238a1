import type { Readable } from 'node:stream';
import { HostError } from '#runtime/errors.ts';
import type { Terminal } from './terminal.ts';

/** Everything a stream has to give. */
export async function readAll(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A secret: typed without echo on a terminal, else stdin without its last line break. */
export async function readSecret(terminal: Terminal, label: string): Promise<string> {
  if (!terminal.interactive) return (await readAll(terminal.stdin)).toString().replace(/\r?\n$/, '');
  terminal.ask(`${label}: `);
  const { stdin } = terminal;
  stdin.setRawMode(true);
  try {
    return await typed(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    terminal.ask('\n');
  }
}

/** Asks for yes or no; true where nobody is there to ask. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  if (!terminal.interactive) return true;
  terminal.ask(`${question} [y/N] `);
  const answer = await new Promise<string>((resolve) => {
    terminal.stdin.once('data', (piece) => resolve(String(piece)));
  });
  terminal.stdin.pause();
  return /^y(es)?\s*$/i.test(answer);
}

/** Keys up to Enter, with backspace; Ctrl-C and Ctrl-D give up. */
function typed(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (piece: Buffer | string): void => {
      for (const key of String(piece)) {
        if (key === '\r' || key === '\n') return finish(() => resolve(text));
        if (key === '\u0003' || key === '\u0004') {
          return finish(() =>
            reject(new HostError('ERR_BAD_INPUT', 'Nothing was stored: the input was broken off')),
          );
        }
        text = key === '\u007f' || key === '\b' ? Array.from(text).slice(0, -1).join('') : text + key;
      }
    };
    const finish = (settle: () => void): void => {
      stdin.off('data', onData);
      settle();
    };
    stdin.on('data', onData);
  });
}
