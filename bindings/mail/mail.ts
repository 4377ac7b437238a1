import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SendMailOptions, Transporter } from 'nodemailer';
import { HostError } from '#runtime/errors.ts';
import { checkAddress, checkMail } from './check.ts';

/** One message to one receiver. */
export interface Mail {
  /** `user@example.com` or `Name <user@example.com>`; one address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly attachments?: readonly MailAttachment[];
  /** Further headers; those that make up the message itself (From, To, Content-Type …) are refused. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the mailer's. */
  readonly from?: string;
  readonly replyTo?: string;
  /** `<left@right>`; the same for each attempt at one message, so that receivers can tell repetitions. Default: a new one. */
  readonly messageId?: string;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal;
}

export interface MailAttachment {
  readonly filename: string;
  readonly content: string | Uint8Array;
  /** Default: by the file name. */
  readonly contentType?: string;
}

/** A message that the mail server has taken, or that lies in the folder. */
export interface Sent {
  /** With angle brackets. */
  readonly messageId: string;
  /** Where it lies when there is no mail server. */
  readonly file?: string;
}

export interface Mailer {
  /**
   * Resolves when the server has taken the message. Rejects with TypeError for what no message can be made of (two
   * lines in a subject, an address that is none) and with MailError for the rest.
   */
  send(mail: Mail): Promise<Sent>;
}

/** ERR_MAIL, and whether another attempt could help. */
export class MailError extends HostError {
  /** The server will never take this message (SMTP 5xx). */
  readonly permanent: boolean;

  constructor(message: string, options: { readonly permanent: boolean; readonly cause: unknown }) {
    super('ERR_MAIL', message, { cause: options.cause });
    this.permanent = options.permanent;
  }
}

export interface MailerOptions {
  /**
   * `smtp://user:password@mail.example.com:587` (STARTTLS where the server offers it, `?requireTLS=true` to insist) or
   * `smtps://…:465` (TLS from the start). Absent: messages become files.
   */
  readonly smtpUrl?: string;
  /** Sender of messages without one. Default `islet@localhost`. */
  readonly from?: string;
  /** Where messages go without a server: one .eml file each, mode 0600. Made when it is needed. */
  readonly folder: string;
  /** One line for each message that became a file. */
  readonly log?: (line: string) => void;
}

/** A mailer with connections to let go. */
export interface OpenMailer extends Mailer {
  close(): Promise<void>;
}

const defaultFrom = 'islet@localhost';
/** One attempt, from the first packet to the server's last word. */
const attemptMs = 60_000;
const connectMs = 15_000;
const silenceMs = 30_000;
const mostConnections = 5;

/** Opens no connection yet. Throws TypeError for a URL or a sender that is none. */
export function openMailer(options: MailerOptions): OpenMailer {
  const from = options.from ?? defaultFrom;
  checkAddress('from', from);
  if (options.smtpUrl === undefined) return new FolderMailer(from, options);
  return new SmtpMailer(from, parseSmtpUrl(options.smtpUrl));
}

function parseSmtpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^smtps?:$/.test(url.protocol) && url.hostname !== '') return url;
  // The text may hold a password: it is not repeated.
  throw new TypeError(
    'SMTP URL is not usable; give smtp://user:password@host:587 or smtps://user:password@host',
  );
}

class SmtpMailer implements OpenMailer {
  readonly #from: string;
  readonly #url: URL;
  #transport: Promise<Transporter> | undefined;
  #closed = false;

  constructor(from: string, url: URL) {
    this.#from = from;
    this.#url = url;
  }

  async send(mail: Mail): Promise<Sent> {
    checkMail(mail);
    if (this.#closed)
      throw new HostError('ERR_CLOSING', 'Cannot send mail: the host is stopping; try again later');
    const limit = AbortSignal.timeout(attemptMs);
    const signal = mail.signal === undefined ? limit : AbortSignal.any([limit, mail.signal]);
    try {
      this.#transport ??= openTransport(this.#url);
      const transport = await this.#transport;
      const { messageId } = (await transport.sendMail({ ...toMessage(mail, this.#from), signal })) as Sent;
      return { messageId };
    } catch (cause) {
      throw toMailError(this.#url, cause);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    (await this.#transport)?.close({ force: true });
  }
}

/** The one door to nodemailer, opened by the first message. */
async function openTransport(url: URL): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    url: url.href,
    pool: true,
    maxConnections: mostConnections,
    // Whoever sends decides about further attempts: a message may not be sent twice behind their back.
    maxRequeues: 0,
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

class FolderMailer implements OpenMailer {
  readonly #from: string;
  readonly #folder: string;
  readonly #log: (line: string) => void;

  constructor(from: string, { folder, log }: MailerOptions) {
    this.#from = from;
    this.#folder = folder;
    this.#log = log ?? (() => undefined);
  }

  async send(mail: Mail): Promise<Sent> {
    checkMail(mail);
    try {
      const { createTransport } = await import('nodemailer');
      const transport = createTransport({
        streamTransport: true,
        buffer: true,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const { message, messageId } = await transport.sendMail(toMessage(mail, this.#from));
      const name = `${new Date().toISOString().replaceAll(':', '-')}-${randomBytes(4).toString('hex')}.eml`;
      const file = join(this.#folder, name);
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      // Whoever reads the folder finds whole messages only.
      await writeFile(`${file}.part`, message as Buffer, { mode: 0o600, flag: 'wx' });
      await rename(`${file}.part`, file);
      this.#log(`Mail to ${mail.to}: no --smtp, written to ${file}`);
      return { messageId, file };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new MailError(
        `Cannot write mail to ${this.#folder}: ${reason}; check that folder, or give --smtp`,
        {
          permanent: false,
          cause,
        },
      );
    }
  }

  async close(): Promise<void> {
    // Nothing is open between two messages.
  }
}

function toMessage(mail: Mail, from: string): SendMailOptions {
  const { to, subject, text, html, headers, replyTo, messageId } = mail;
  const attachments = mail.attachments?.map(({ filename, content, contentType }) => ({
    filename,
    content: typeof content === 'string' ? content : Buffer.from(content),
    contentType,
  }));
  return {
    from: checkAddress('from', mail.from ?? from),
    to: checkAddress('to', to),
    ...(replyTo === undefined ? {} : { replyTo: checkAddress('replyTo', replyTo) }),
    ...(messageId === undefined ? {} : { messageId }),
    subject,
    text,
    html,
    attachments,
    headers: { ...headers },
  };
}

/** What to check, by what nodemailer and the server said; without the URL's password. */
function toMailError(url: URL, cause: unknown): MailError {
  const { code, responseCode, message } = cause as { code?: string; responseCode?: number; message?: string };
  const server = url.host;
  const permanent = responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH';
  const say = (state: string, remedy: string): MailError =>
    new MailError(`Cannot send mail through ${server}: ${state}; ${remedy}`, { permanent, cause });
  if (code === 'EAUTH') return say('it refused the user or password', 'check those in --smtp');
  if (code === 'ETLS') return say('TLS failed', 'check the scheme (smtp or smtps) and the certificate');
  if (responseCode !== undefined) {
    return say(`it answered ${responseCode}`, permanent ? 'check the address' : 'try again later');
  }
  if (code !== undefined && unreachable.has(code))
    return say('it cannot be reached', 'check host and port in --smtp');
  return say(message ?? 'the connection broke', 'try again later');
}

const unreachable: ReadonlySet<string> = new Set(['EDNS', 'ECONNECTION', 'ESOCKET', 'ETIMEDOUT']);
