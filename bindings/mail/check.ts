import type { Mail } from './mail.ts';

/** An address in two parts, as nodemailer takes it without parsing text again. */
export interface Address {
  readonly name: string;
  readonly address: string;
}

/** RFC 5322 asks for 998 at most; what is longer is no subject. */
const longestSubject = 500;
const longestAddress = 254;
/** With a name. */
const longestMailbox = 500;
/** Without quotes and comments (RFC 5321, 4.1.2): what mailboxes that people have look like. */
const addressPattern = /^[^\s@<>()[\]\\,;:"]{1,64}@[^\s@<>()[\]\\,;:"]{1,253}$/u;
const namedPattern = /^\s*"?(?<name>[^"<>]*?)"?\s*<(?<address>[^<>]+)>\s*$/u;
// oxlint-disable-next-line no-control-regex -- they are what must not pass
const controls = /[\u0000-\u0008\u000a-\u001f\u007f\u0085\u2028\u2029]/u;
const headerPattern = /^[A-Za-z][A-Za-z0-9-]{0,75}$/;
/** Made from the members of a Mail, or by whoever carries it. */
const ownHeaders =
  /^(?:from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|return-path|received|dkim-signature)$/i;
const messageIdPattern = /^<[\w.+-]{1,128}@[\w.-]{1,128}>$/;

/** One mailbox, with or without a name. Throws TypeError for anything else, two lines and two addresses included. */
export function checkAddress(what: string, value: unknown): Address {
  if (typeof value !== 'string')
    throw new TypeError(`Mail ${what} is of type ${typeof value}; use an address`);
  refuseControls(what, value);
  if (value.length > longestMailbox)
    throw new TypeError(`Mail ${what} has ${value.length} characters; use one address`);
  const named = namedPattern.exec(value)?.groups;
  const address = (named?.['address'] ?? value).trim();
  if (addressPattern.test(address) && address.length <= longestAddress && address.isWellFormed()) {
    return { name: named?.['name']?.trim() ?? '', address };
  }
  throw new TypeError(
    `Mail ${what} ${JSON.stringify(value.slice(0, 100))} is no address; use one, e.g. "user@example.com" or "Name <user@example.com>"`,
  );
}

/** Throws TypeError for a message that cannot be sent as it is: nothing in it may become a header of its own. */
export function checkMail(mail: Mail): void {
  checkAddress('to', mail.to);
  if (mail.from !== undefined) checkAddress('from', mail.from);
  if (mail.replyTo !== undefined) checkAddress('replyTo', mail.replyTo);
  checkText('subject', mail.subject);
  refuseControls('subject', mail.subject);
  if (mail.subject.length > longestSubject) {
    throw new TypeError(`Mail subject has ${mail.subject.length} characters; use ${longestSubject} at most`);
  }
  checkText('text', mail.text);
  if (mail.html !== undefined) checkText('html', mail.html);
  if (mail.messageId !== undefined && !messageIdPattern.test(mail.messageId)) {
    throw new TypeError('Mail messageId is not usable; use "<left@right>"');
  }
  for (const [name, value] of Object.entries(mail.headers ?? {})) checkHeader(name, value);
  for (const { filename, contentType } of mail.attachments ?? []) {
    refuseControls('filename', filename);
    if (contentType !== undefined && !/^[\w.+-]+\/[\w.+-]+(?:;\s*[\w-]+=[\w.+-]+)*$/.test(contentType)) {
      throw new TypeError(
        `Mail attachment has type ${JSON.stringify(contentType)}; use e.g. "application/pdf"`,
      );
    }
  }
}

function checkHeader(name: string, value: unknown): void {
  if (!headerPattern.test(name) || ownHeaders.test(name)) {
    throw new TypeError(
      `Mail header ${JSON.stringify(name.slice(0, 100))} cannot be set; use another, e.g. "X-Priority"`,
    );
  }
  checkText(`header ${name}`, value);
  refuseControls(`header ${name}`, value as string);
}

function checkText(what: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new TypeError(`Mail ${what} is of type ${typeof value}; use a string`);
}

function refuseControls(what: string, value: string): void {
  if (!controls.test(value)) return;
  throw new TypeError(`Mail ${what} holds a line break or another control character; use one line of text`);
}
