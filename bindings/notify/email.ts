import type { Store } from '#bindings/store/store.ts';
import { MailError } from '#bindings/mail/mail.ts';
import type { MailAttachment, Mailer } from '#bindings/mail/mail.ts';
import { HostError } from '#runtime/errors.ts';
import type { Order, Result, Send } from './channel.ts';
import type { Keyring } from './keyring.ts';
import type { MessageRecord, SubscriptionRecord } from './records.ts';
import type { Space } from './space.ts';
import { escapeHtml } from './template.ts';

export interface EmailNeeds {
  readonly mailer: Mailer;
  readonly store: Store;
  readonly keyring: Keyring;
}

const longestSubject = 200;

/** Mails messages: text, HTML, attachments, and a way out of them by one click (RFC 2369, RFC 8058). */
export function toEmail({ mailer, store, keyring }: EmailNeeds): Send {
  return async (order): Promise<Result> => {
    const { space, message, delivery, content, target, signal } = order;
    if (target.channel !== 'email') throw new TypeError('target');
    const { html } = content;
    const text =
      content.text ?? (html === undefined ? JSON.stringify(content.data ?? '') : toPlainText(html));
    const leave = await toUnsubscribeLink(keyring, order);
    const { from, links } = message.sender;
    return sendMail(mailer, {
      to: target.address,
      subject: toSubject(content.title ?? text.trimStart().split('\n', 1)[0] ?? ''),
      text: withFooter(text, content.url, leave),
      ...(html === undefined ? {} : { html: withHtmlFooter(html, leave) }),
      ...(from === undefined ? {} : { from }),
      attachments: await readAttachments(store, space, message),
      // The same for each attempt: mailboxes that know Message-IDs show a repetition once.
      messageId: `<${message.id}.${delivery}@${links === undefined ? 'islet.invalid' : new URL(links).hostname.replace(/[[\]:]/g, '')}>`,
      headers: toHeaders(message, leave),
      signal,
    });
  };
}

interface Invitation {
  readonly subscription: SubscriptionRecord;
  readonly confirmUrl: string;
  readonly signal: AbortSignal;
}

/** Double opt-in: nothing is sent to an address before somebody there has said yes. */
export async function inviteByEmail(
  mailer: Mailer,
  { subscription, confirmUrl, signal }: Invitation,
): Promise<Result> {
  const { target, sender, topic } = subscription;
  if (target.channel !== 'email') throw new TypeError('target');
  const what = topic.startsWith('@') ? `messages of ${sender.function}` : `"${topic}" of ${sender.function}`;
  return sendMail(mailer, {
    to: target.address,
    subject: `Please confirm: ${what}`,
    text: `Somebody, probably you, asked for ${what} to be sent to this address.\n\nConfirm it here:\n${confirmUrl}\n\nIf it was not you, do nothing: you will hear no more of it.\n`,
    ...(sender.from === undefined ? {} : { from: sender.from }),
    headers: { 'Auto-Submitted': 'auto-generated' },
    signal,
  });
}

async function sendMail(mailer: Mailer, mail: Parameters<Mailer['send']>[0]): Promise<Result> {
  try {
    const { file } = await mailer.send(mail);
    return {
      kind: 'delivered',
      detail: file === undefined ? 'taken by the mail server' : 'written to a file',
    };
  } catch (error) {
    if (error instanceof TypeError) return { kind: 'refused', detail: error.message };
    if (error instanceof MailError)
      return { kind: error.permanent ? 'refused' : 'failed', detail: error.message };
    if (error instanceof HostError) return { kind: 'failed', detail: error.code };
    throw error;
  }
}

/** Required messages have no way out. */
async function toUnsubscribeLink(
  keyring: Keyring,
  { space, message, subscription, user }: Order,
): Promise<string | undefined> {
  const { links } = message.sender;
  if (links === undefined || message.required) return undefined;
  const own = subscription !== undefined && !subscription.topic.startsWith('@');
  if (!own && user === undefined) return undefined;
  const { topic } = message;
  const token = await keyring.sign(
    space,
    own
      ? { for: 'unsubscribe', subscription: subscription.id }
      : { for: 'mute', user: user ?? '', ...(topic === undefined ? {} : { topic }) },
  );
  return `${links}/unsubscribe?token=${token}`;
}

function toHeaders(
  { topic, priority, sender }: MessageRecord,
  leave: string | undefined,
): Record<string, string> {
  const host = sender.links === undefined ? 'islet.invalid' : new URL(sender.links).hostname;
  return {
    'Auto-Submitted': 'auto-generated',
    ...(topic === undefined
      ? {}
      : { 'List-Id': `<${topic.replaceAll(':', '.')}.${sender.function}.${host}>` }),
    ...(leave === undefined
      ? {}
      : { 'List-Unsubscribe': `<${leave}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }),
    ...(priority === 'urgent' || priority === 'high' ? { Importance: 'high', 'X-Priority': '1' } : {}),
  };
}

async function readAttachments(
  store: Store,
  space: Space,
  { id, attachments }: MessageRecord,
): Promise<readonly MailAttachment[]> {
  return Promise.all(
    attachments.map(async ({ filename, contentType }, index) => {
      const entry = await store.get(space.key('att', id, String(index)));
      const content = entry?.value ?? new Uint8Array();
      return { filename, content, ...(contentType === undefined ? {} : { contentType }) };
    }),
  );
}

/** One line: line breaks in what a function made of its variables must not end the header. */
function toSubject(title: string): string {
  const line = title.replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ').trim();
  return line === '' ? '(no subject)' : line.slice(0, longestSubject).replace(/[\ud800-\udbff]$/, '');
}

function withFooter(text: string, url: string | undefined, leave: string | undefined): string {
  const link = url === undefined || text.includes(url) ? '' : `\n\n${url}`;
  return `${text}${link}${leave === undefined ? '' : `\n\n-- \nUnsubscribe: ${leave}`}\n`;
}

function withHtmlFooter(html: string, leave: string | undefined): string {
  if (leave === undefined) return html;
  const footer = `<p style="font-size:small"><a href="${escapeHtml(leave)}">Unsubscribe</a></p>`;
  const end = html.search(/<\/body\s*>/i);
  return end < 0 ? html + footer : html.slice(0, end) + footer + html.slice(end);
}

/** Tags that end a line. */
const breaking: ReadonlySet<string> = new Set([
  'br',
  '/p',
  '/div',
  '/li',
  '/tr',
  '/h1',
  '/h2',
  '/h3',
  '/h4',
  '/h5',
  '/h6',
]);
const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
};

/** For readers without HTML: the words alone. In one pass, whatever a function calls HTML. */
export function toPlainText(html: string): string {
  const lower = html.toLowerCase();
  let text = '';
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    const close = open < 0 ? -1 : html.indexOf('>', open);
    text += html.slice(at, open < 0 ? undefined : open);
    if (close < 0) break;
    const name = /^\/?[a-z0-9]*/.exec(lower.slice(open + 1, Math.min(close, open + 12)))?.[0] ?? '';
    if (breaking.has(name)) text += '\n';
    const end = name === 'script' || name === 'style' ? lower.indexOf(`</${name}`, close) : close + 1;
    if (end < 0) break;
    at = end;
  }
  return text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => entities[entity] ?? entity).trim();
}
