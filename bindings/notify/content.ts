import type { Store } from '#bindings/store/store.ts';
import { optionalText, parseMembers, parseText, refuse } from './arguments.ts';
import { longestId, mostTemplates, templateBytes } from './limits.ts';
import { decode, put, remove } from './records.ts';
import type { Channel, Content, MessageRecord } from './records.ts';
import { lastPart } from './space.ts';
import type { Space } from './space.ts';
import { escapeHtml, parseTemplate, renderTemplate } from './template.ts';

/** `tmpl/<name>`: sources of a template. */
export interface TemplateRecord {
  readonly title?: string;
  readonly text?: string;
  readonly html?: string;
  readonly url?: string;
}

const parts = ['title', 'text', 'html', 'url'] as const;
const namePattern = /^[\w.-]+$/;

/** Templates of a space, by name. */
export class Templates {
  readonly #store: Store;
  readonly #space: Space;

  constructor(store: Store, space: Space) {
    this.#store = store;
    this.#space = space;
  }

  /** Refuses a template that cannot be parsed: HostError ERR_NOTIFY. */
  async put(name: unknown, value: unknown): Promise<void> {
    const key = this.#key(name);
    const members = parseMembers('template', value, parts);
    const record: Record<string, string> = {};
    for (const part of parts) {
      const source = optionalText(`template.${part}`, members[part], templateBytes);
      if (source === undefined) continue;
      parseTemplate(source);
      record[part] = source;
    }
    if (Object.keys(record).length === 0)
      throw new TypeError('template is empty; give title, text, html or url');
    const all = await this.#store.list({
      prefix: this.#space.under('tmpl'),
      keysOnly: true,
      limit: mostTemplates + 1,
    });
    if (all.length >= mostTemplates && !all.some((entry) => entry.key === key)) {
      throw refuse(`Cannot put template: there are ${mostTemplates}; delete some`);
    }
    await this.#store.write([put(key, record)]);
  }

  async get(name: unknown): Promise<TemplateRecord | null> {
    const entry = await this.#store.get(this.#key(name));
    return entry === undefined ? null : (decode(entry) as TemplateRecord);
  }

  async delete(name: unknown): Promise<void> {
    await this.#store.write([remove(this.#key(name))]);
  }

  async list(): Promise<readonly string[]> {
    const entries = await this.#store.list({ prefix: this.#space.under('tmpl'), keysOnly: true });
    return entries.map((entry) => lastPart(entry.key));
  }

  #key(name: unknown): string {
    const checked = parseText('template name', name, longestId);
    if (!namePattern.test(checked)) {
      throw refuse(`Cannot use template ${JSON.stringify(checked)}; use A-Z, a-z, 0-9, "_", "." and "-"`);
    }
    return this.#space.key('tmpl', checked);
  }
}

/**
 * What a message says on one channel: the template, over it what the message itself says, over it what it says for this
 * channel alone. Throws HostError ERR_NOTIFY when its template is not there or makes too much.
 */
export async function toContent(
  templates: Templates,
  message: MessageRecord,
  channel: Channel,
): Promise<Content> {
  const { template, variables, channels, ...own } = message.content;
  const rendered = template === undefined ? {} : await render(templates, template, { ...message, variables });
  return { ...rendered, ...own, ...channels?.[channel] };
}

async function render(
  templates: Templates,
  name: string,
  {
    topic,
    user,
    variables,
  }: { readonly topic?: string; readonly user?: string; readonly variables: unknown },
): Promise<Content> {
  const record = await templates.get(name);
  if (record === null)
    throw refuse(`Cannot render template ${JSON.stringify(name)}: it is not there; put it first`);
  const given = { topic, user, ...(variables as object | undefined) };
  const plain = (text: string): string => text;
  const rendered: Record<string, string> = {};
  for (const part of parts) {
    const source = record[part];
    if (source === undefined) continue;
    rendered[part] = renderTemplate(parseTemplate(source), given, part === 'html' ? escapeHtml : plain);
  }
  return rendered;
}
