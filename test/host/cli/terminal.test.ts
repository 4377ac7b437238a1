import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { readSecret } from '#host/cli/input.ts';
import { Terminal } from '#host/cli/terminal.ts';

const bin = join(import.meta.dirname, '..', '..', '..', 'host', 'cli', 'bin.js');
const script = '/usr/bin/script';

class Tty extends PassThrough {
  readonly isTTY: boolean;
  raw = false;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(raw: boolean): this {
    this.raw = raw;
    return this;
  }

  text(): string {
    let text = '';
    const next = (): Buffer | null => this.read() as Buffer | null;
    for (let piece = next(); piece !== null; piece = next()) text += piece.toString();
    return text;
  }
}

function terminalOf(isTTY: boolean): {
  readonly terminal: Terminal;
  readonly stdin: Tty;
  readonly stdout: Tty;
  readonly stderr: Tty;
} {
  const [stdin, stdout, stderr] = [new Tty(isTTY), new Tty(isTTY), new Tty(isTTY)];
  const terminal = new Terminal({ stdin: stdin as unknown as NodeJS.ReadStream, stdout, stderr });
  return { terminal, stdin, stdout, stderr };
}

void t.test(
  'terminal: progress shows after a second on a terminal and is wiped, and nowhere else',
  async (t) => {
    const [tty, pipe] = [terminalOf(true), terminalOf(false)];
    const work = (): Promise<number> => sleep(1_100, 7);
    const [a, b] = await Promise.all([
      tty.terminal.during('working', work()),
      pipe.terminal.during('working', work()),
    ]);
    t.same([a, b], [7, 7]);
    const shown = tty.stderr.text();
    t.match(shown, 'working … 1 s');
    t.ok(shown.endsWith('\r\u001b[K'));
    t.equal(pipe.stderr.text(), '');
    t.equal(await tty.terminal.during('quick', Promise.resolve(1)), 1);
    t.equal(tty.stderr.text(), '');
    t.equal(tty.stdout.text() + pipe.stdout.text(), '');
  },
);

void t.test('terminal: a secret typed is not shown, backspace works, Ctrl-C gives up', async (t) => {
  const { terminal, stdin, stderr } = terminalOf(true);
  const reading = readSecret(terminal, 'KEY');
  t.ok(stdin.raw);
  for (const key of ['s', 'x', '\u007f', 'é', '\r']) stdin.write(key);
  t.equal(await reading, 'sé');
  t.notOk(stdin.raw);
  t.equal(stderr.text(), 'KEY: \n');

  const again = terminalOf(true);
  const broken = readSecret(again.terminal, 'KEY');
  again.stdin.write('abc\u0003');
  await t.rejects(broken, { code: 'ERR_BAD_INPUT' });
  t.notOk(again.stdin.raw);
});

void t.test('terminal: colours on a terminal only, and none with NO_COLOR', async (t) => {
  if (!existsSync(script)) {
    t.comment(`skipped: ${script} is needed to make a terminal`);
    return;
  }
  const colours = '\u001b[1m';
  t.match(await onTerminal({}), colours);
  t.notMatch(await onTerminal({ NO_COLOR: '1' }), colours);
});

/** What `islet --help` prints on a pseudo-terminal. */
function onTerminal(env: Readonly<Record<string, string>>): Promise<string> {
  // Nothing else of this environment: CI, NO_COLOR and others speak of colours, too.
  const { PATH } = process.env;
  return new Promise((resolve, reject) => {
    execFile(
      script,
      ['-qec', `"${process.execPath}" "${bin}" --help`, '/dev/null'],
      { env: { PATH, TERM: 'xterm-256color', ...env } },
      (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
    );
  });
}
