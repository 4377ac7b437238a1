import { refuse } from './arguments.ts';
import { renderedBytes } from './limits.ts';

/**
 * Templates in the core of mustache(5): `{{name}}` with dots, `{{{name}}}` and `{{&name}}` as they are, sections
 * `{{#name}}…{{/name}}`, inverted ones `{{^name}}…{{/name}}`, comments `{{! }}`, and `{{.}}` for the item at hand. No
 * partials, no lambdas, no new delimiters. Only what the variables themselves hold is seen, never what they inherit.
 */
export type Template = readonly Part[];

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly path: Path; readonly raw: boolean }
  | { readonly kind: 'section'; readonly path: Path; readonly inverted: boolean; readonly parts: Template };

/** Either form stops at the next brace, so that a source is read once, whatever it holds. */
const tagPattern = /\{\{\{([^{}]*)\}\}\}|\{\{([^{}]*)\}\}/g;
const pathPattern = /^(?:\.|[\w$-]+(?:\.[\w$-]+)*)$/;
const deepest = 20;
const longestPath = 200;

/** Names from the outside in; none for the item at hand. */
type Path = readonly string[];

interface Open {
  readonly path: string;
  readonly inverted: boolean;
  readonly parts: Part[];
}

/** Throws HostError ERR_NOTIFY for sections that do not close and for names that are none. */
export function parseTemplate(source: string): Template {
  const stack: Open[] = [{ path: '', inverted: false, parts: [] }];
  const top = (): Open => stack.at(-1) as Open;
  let from = 0;
  for (const match of source.matchAll(tagPattern)) {
    const [whole, raw, tag = ''] = match;
    const trimmed = (raw ?? tag).trim();
    const sign = raw === undefined && /^[#^/&!]/.test(trimmed) ? trimmed.charAt(0) : '';
    if (match.index > from) top().parts.push({ kind: 'text', text: source.slice(from, match.index) });
    from = match.index + whole.length;
    if (sign === '!') continue;
    const path = checkPath(trimmed.slice(sign.length).trim());
    if (sign === '#' || sign === '^') {
      if (stack.length > deepest)
        throw refuse(`Cannot use template: sections are ${stack.length} deep; use ${deepest} at most`);
      stack.push({ path, inverted: sign === '^', parts: [] });
      continue;
    }
    if (sign !== '/') {
      top().parts.push({ kind: 'value', path: toPath(path), raw: raw !== undefined || sign === '&' });
      continue;
    }
    const closed = stack.length > 1 ? stack.pop() : undefined;
    if (closed?.path !== path)
      throw refuse(`Cannot use template: {{/${path}}} closes no section; check its sections`);
    top().parts.push({ kind: 'section', ...closed, path: toPath(path) });
  }
  if (stack.length > 1)
    throw refuse(`Cannot use template: {{#${top().path}}} is never closed; add {{/${top().path}}}`);
  if (from < source.length) top().parts.push({ kind: 'text', text: source.slice(from) });
  return top().parts;
}

function toPath(path: string): Path {
  return path === '.' ? [] : path.split('.');
}

function checkPath(path: string): string {
  if (pathPattern.test(path) && path.length <= longestPath) return path;
  throw refuse(
    `Cannot use template: ${JSON.stringify(path)} is no name; use letters, digits, "_", "-" and dots between`,
  );
}

/** `escape` is applied to every value but raw ones. Throws HostError ERR_NOTIFY when the text grows too long. */
export function renderTemplate(
  template: Template,
  variables: unknown,
  escape: (text: string) => string,
): string {
  const output: string[] = [];
  let spent = 0;
  /** A step costs as much as a character: sections that make nothing end too. */
  const spend = (characters: number): void => {
    spent += characters;
    if (spent > renderedBytes)
      throw refuse(
        `Cannot render template: it makes more than ${renderedBytes} characters or steps; send less`,
      );
  };
  const write = (text: string): void => {
    spend(text.length);
    output.push(text);
  };
  const run = (parts: Template, scopes: readonly unknown[]): void => {
    for (const part of parts) {
      spend(1);
      if (part.kind === 'text') {
        write(part.text);
        continue;
      }
      const value = find(part.path, scopes);
      if (part.kind === 'value') {
        write(part.raw ? toText(value) : escape(toText(value)));
        continue;
      }
      const empty =
        value === undefined ||
        value === null ||
        value === false ||
        value === '' ||
        value === 0 ||
        (Array.isArray(value) && value.length === 0);
      if (part.inverted !== empty) continue;
      const items: readonly unknown[] = part.inverted || !Array.isArray(value) ? [value] : value;
      for (const item of items) {
        spend(1);
        run(part.parts, part.inverted ? scopes : [...scopes, item]);
      }
    }
  };
  run(template, [variables]);
  return output.join('');
}

/** The first name is looked for from the innermost scope outwards, the others in what it holds. */
function find(path: Path, scopes: readonly unknown[]): unknown {
  const [first] = path;
  if (first === undefined) return scopes.at(-1);
  let value: unknown = scopes.findLast((candidate) => holds(candidate, first));
  for (const name of path) value = holds(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  return value;
}

function holds(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}

function toText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? '';
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and within quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
