import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { simpleParser } from 'mailparser';
import type { ParsedMail } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import type { Test } from 'tap';

/** What the server does with the next message instead of taking it. */
export type SmtpFailure = { readonly code: number } | 'reset';

export interface SmtpMail {
  readonly to: readonly string[];
  readonly from: string;
  readonly mail: ParsedMail;
  readonly raw: string;
}

/** A real SMTP server on a free port that keeps what it is sent. */
export interface TestSmtp {
  readonly url: string;
  readonly mails: SmtpMail[];
  /** Failures for the messages to come, in order; undefined takes one. */
  readonly failures: (SmtpFailure | undefined)[];
}

export async function openSmtp(
  t: Pick<Test, 'teardown'>,
  options: { readonly user?: string; readonly pass?: string } = {},
): Promise<TestSmtp> {
  const mails: SmtpMail[] = [];
  const failures: (SmtpFailure | undefined)[] = [];
  const server = new SMTPServer({
    authOptional: options.user === undefined,
    disabledCommands: options.user === undefined ? ['AUTH', 'STARTTLS'] : ['STARTTLS'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth: (auth, _session, done) => {
      if (auth.username === options.user && auth.password === options.pass)
        return done(null, { user: 'known' });
      return done(new Error('Invalid username or password'));
    },
    onData: (stream, session, done) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const failure = failures.shift();
        if (failure === 'reset') {
          for (const connection of server.connections as Set<{ _socket: { destroy(): void } }>)
            connection._socket.destroy();
          return;
        }
        if (failure !== undefined)
          return done(Object.assign(new Error('refused'), { responseCode: failure.code }));
        const raw = Buffer.concat(pieces);
        const { mailFrom, rcptTo } = session.envelope;
        void simpleParser(raw).then((mail) => {
          mails.push({
            to: rcptTo.map((each) => each.address),
            from: mailFrom === false ? '' : mailFrom.address,
            mail,
            raw: raw.toString(),
          });
          done();
        });
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  const login = options.user === undefined ? '' : `${options.user}:${options.pass}@`;
  return { url: `smtp://${login}127.0.0.1:${port}`, mails, failures };
}

/** A port where nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
