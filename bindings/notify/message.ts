import {
  describe,
  optionalText,
  parseFlag,
  parseMembers,
  parseObject,
  parseText,
  parseTopic,
  parseWhole,
  parseWord,
  refuse,
} from './arguments.ts';
import type { Members } from './arguments.ts';
import type { Attribute, Attributes } from './filter.ts';
import {
  attachmentBytes,
  longestId,
  messageBytes,
  mostAttachments,
  mostAttributes,
  mostDelayMs,
} from './limits.ts';
import { personalChannels } from './preferences.ts';
import type { PersonalChannel } from './preferences.ts';
import { channels, priorities } from './records.ts';
import type { AttachmentHead, Content, Priority } from './records.ts';

export interface ParsedMessage {
  readonly content: Content;
  readonly attachments: readonly ParsedAttachment[];
}

export interface ParsedAttachment {
  readonly head: AttachmentHead;
  readonly bytes: Uint8Array;
}

const said = ['title', 'text', 'html', 'url', 'icon', 'data'] as const;
const contentKeys: readonly string[] = [...said, 'template', 'variables', 'channels', 'attachments'];
const longestTitle = 300;

/** A text, or `{ title, text, html, url, icon, data, template, variables, channels, attachments }`. */
export function parseMessage(value: unknown): ParsedMessage {
  const members = parseMembers('message', typeof value === 'string' ? { text: value } : value, contentKeys);
  const { attachments, ...rest } = members;
  const content = { ...parseContent('message', rest), ...parseOverrides(members['channels']) };
  const { title, text, html, data, template } = content;
  if (
    [title, text, html, data, template].every((part) => part === undefined) &&
    content.channels === undefined
  ) {
    throw new TypeError('message says nothing; give text, title, html, data or template');
  }
  const bytes = Buffer.byteLength(JSON.stringify(content));
  if (bytes > messageBytes) {
    throw refuse(
      `Cannot take message: it has ${bytes} bytes; use ${messageBytes} at most, attachments aside`,
    );
  }
  return { content, attachments: parseAttachments(attachments) };
}

function parseContent(what: string, members: Members): Content {
  const { data, variables } = members;
  const part = (name: string, longest: number): Members => {
    const text = optionalText(`${what}.${name}`, members[name], longest);
    return text === undefined ? {} : { [name]: text };
  };
  return {
    ...part('title', longestTitle),
    ...part('text', messageBytes),
    ...part('html', messageBytes),
    ...part('url', 2048),
    ...part('icon', 2048),
    ...part('template', longestId),
    ...(data === undefined ? {} : { data }),
    ...(variables === undefined || variables === null
      ? {}
      : { variables: parseObject(`${what}.variables`, variables) }),
  };
}

/** Said differently for some channels. */
function parseOverrides(value: unknown): Pick<Content, 'channels'> {
  if (value === undefined || value === null) return {};
  const members = parseMembers('message.channels', value, channels);
  const entries = Object.entries(members).map(([channel, given]): [string, Content] => {
    const what = `message.channels.${channel}`;
    return [channel, parseContent(what, parseMembers(what, given, said))];
  });
  return { channels: Object.fromEntries(entries) };
}

function parseAttachments(value: unknown): readonly ParsedAttachment[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new TypeError(`message.attachments is ${describe(value)}; use a list`);
  if (value.length > mostAttachments) {
    throw refuse(`Cannot take message: it has ${value.length} attachments; use ${mostAttachments} at most`);
  }
  const parsed = value.map(parseAttachment);
  const bytes = parsed.reduce((sum, attachment) => sum + attachment.bytes.length, 0);
  if (bytes > attachmentBytes) {
    throw refuse(
      `Cannot take message: attachments have ${bytes} bytes; use ${attachmentBytes} at most, or send a link`,
    );
  }
  return parsed;
}

function parseAttachment(value: unknown): ParsedAttachment {
  const members = parseMembers('attachment', value, ['filename', 'content', 'contentType', 'encoding']);
  const filename = parseText('attachment.filename', members['filename'], 255);
  if (!/^[^\p{Cc}/\\]+$/u.test(filename))
    throw refuse(`Cannot take attachment ${JSON.stringify(filename)}; use a plain file name`);
  const contentType = optionalText('attachment.contentType', members['contentType'], 128);
  if (contentType !== undefined && !/^[\w.+-]+\/[\w.+-]+$/.test(contentType)) {
    throw refuse(
      `Cannot take attachment: its type is ${JSON.stringify(contentType)}; use e.g. "application/pdf"`,
    );
  }
  const content = parseText('attachment.content', members['content'], attachmentBytes * 2);
  const encoding = parseWord('attachment.encoding', members['encoding'] ?? 'utf8', ['utf8', 'base64']);
  return {
    head: contentType === undefined ? { filename } : { filename, contentType },
    bytes: Buffer.from(content, encoding),
  };
}

/** What is said besides the message, checked. */
export interface PublishOptions {
  readonly attributes: Attributes;
  readonly priority: Priority;
  readonly deliverAt: number;
  readonly expiresAt?: number;
  /** Keeps others with the same id out. */
  readonly id?: string;
}

export interface SendOptions extends PublishOptions {
  readonly topic?: string;
  readonly email?: string;
  readonly only?: readonly PersonalChannel[];
  readonly required: boolean;
}

const publishKeys: readonly string[] = [
  'attributes',
  'priority',
  'deliverAt',
  'delaySeconds',
  'ttlSeconds',
  'id',
];
const sendKeys: readonly string[] = [...publishKeys, 'topic', 'email', 'channels', 'required'];

export function parsePublishOptions(value: unknown, now: number): PublishOptions {
  return toOptions(parseMembers('publish options', value, publishKeys), now);
}

export function parseSendOptions(value: unknown, now: number): SendOptions {
  const members = parseMembers('send options', value, sendKeys);
  const email = optionalText('email', members['email'], 254);
  const { topic, channels: only } = members;
  return {
    ...toOptions(members, now),
    required: parseFlag('required', members['required']),
    ...(topic === undefined || topic === null ? {} : { topic: parseTopic(topic) }),
    ...(email === undefined ? {} : { email }),
    ...(only === undefined || only === null ? {} : { only: parseOnly(only) }),
  };
}

function parseOnly(value: unknown): readonly PersonalChannel[] {
  if (!Array.isArray(value))
    throw new TypeError(`channels is ${describe(value)}; use a list, e.g. ["push", "inbox"]`);
  return value.map((channel) => parseWord('channel', channel, personalChannels));
}

function toOptions(members: Members, now: number): PublishOptions {
  const deliverAt = parseDeliverAt(members, now);
  const ttl = members['ttlSeconds'];
  const id = optionalText('id', members['id'], longestId);
  if (id === '') throw refuse('Cannot use an empty id; leave it out, or give one');
  return {
    attributes: parseAttributes(members['attributes']),
    priority: parseWord('priority', members['priority'] ?? 'normal', priorities),
    deliverAt,
    ...(ttl === undefined || ttl === null
      ? {}
      : { expiresAt: deliverAt + parseWhole('ttlSeconds', ttl, 1, mostDelayMs / 1000) * 1000 }),
    ...(id === undefined ? {} : { id }),
  };
}

/** A time (ms since the epoch or ISO 8601), or so many seconds from now; times gone by mean now. */
function parseDeliverAt(members: Members, now: number): number {
  const { deliverAt, delaySeconds } = members;
  if (delaySeconds !== undefined && delaySeconds !== null) {
    return now + parseWhole('delaySeconds', delaySeconds, 0, mostDelayMs / 1000) * 1000;
  }
  if (deliverAt === undefined || deliverAt === null) return now;
  const at = typeof deliverAt === 'number' ? deliverAt : Date.parse(parseText('deliverAt', deliverAt, 64));
  if (Number.isFinite(at) && at <= now + mostDelayMs) return Math.max(now, Math.trunc(at));
  throw refuse(
    `Cannot deliver at ${describe(deliverAt)}; give a time within a year, as a Date, ISO text or milliseconds`,
  );
}

function parseAttributes(value: unknown): Attributes {
  if (value === undefined || value === null) return {};
  const members = parseObject('attributes', value);
  const entries = Object.entries(members);
  if (entries.length > mostAttributes) {
    throw refuse(`Cannot take message: it has ${entries.length} attributes; use ${mostAttributes} at most`);
  }
  return Object.fromEntries(entries.map(([name, given]) => [checkName(name), parseAttribute(name, given)]));
}

function checkName(name: string): string {
  if (/^[\w.-]{1,256}$/.test(name) && name !== '__proto__') return name;
  throw refuse(
    `Cannot use attribute ${JSON.stringify(name.slice(0, 100))}; use A-Z, a-z, 0-9, "_", "." and "-"`,
  );
}

function parseAttribute(name: string, value: unknown): Attribute {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length > 100)
    throw refuse(`Cannot take attribute ${name}: it has ${values.length} values; use 100 at most`);
  for (const one of values) {
    const fits =
      typeof one === 'boolean' ||
      (typeof one === 'number' && Number.isFinite(one)) ||
      (typeof one === 'string' && one.length <= 1024 && one.isWellFormed());
    if (!fits)
      throw new TypeError(
        `attribute ${name} is ${describe(one)}; use a short string, a number, true, false, or a list of them`,
      );
  }
  return value as Attribute;
}
