import * as fc from 'fast-check';
import t from 'tap';
import { toPlainText } from '#bindings/notify/email.ts';
import { escapeHtml, parseTemplate, renderTemplate } from '#bindings/notify/template.ts';

const render = (source: string, variables: unknown): string =>
  renderTemplate(parseTemplate(source), variables, escapeHtml);

/** From mustache's specification: interpolation, sections, inverted, comments. */
const laws: readonly (readonly [source: string, variables: unknown, text: string])[] = [
  ['Hello, {{subject}}!', { subject: 'world' }, 'Hello, world!'],
  ['{{forbidden}}', { forbidden: '& " < >' }, '&amp; &quot; &lt; &gt;'],
  ['{{{forbidden}}} {{&forbidden}}', { forbidden: '& " < >' }, '& " < > & " < >'],
  ['{{mph}} {{ power }}', { mph: 85, power: 1.21 }, '85 1.21'],
  ['I ({{cannot}}) be seen', { cannot: null }, 'I () be seen'],
  ['{{a.b.c.name}}', { a: { b: { c: { name: 'Phil' } } } }, 'Phil'],
  ['{{a.b.c}}', { a: {} }, ''],
  ['{{#bool}}yes{{/bool}}', { bool: true }, 'yes'],
  ['{{#bool}}yes{{/bool}}', { bool: false }, ''],
  ['{{^bool}}no{{/bool}}', {}, 'no'],
  ['{{^list}}none{{/list}}', { list: [] }, 'none'],
  ['{{#list}}{{item}}{{/list}}', { list: [{ item: 1 }, { item: 2 }] }, '12'],
  ['{{#list}}({{.}}){{/list}}', { list: ['a', '<'] }, '(a)(&lt;)'],
  ['{{#context}}Hi {{name}}.{{/context}}', { context: { name: 'Joe' } }, 'Hi Joe.'],
  ['{{#a}}{{one}}{{#b}}{{one}}{{two}}{{/b}}{{/a}}', { a: { one: 1 }, b: { two: 2 } }, '112'],
  ['{{#list}}{{#sub}}{{name}}{{/sub}}{{/list}}', { list: [{ sub: { name: 'x' } }] }, 'x'],
  ['12345{{! a comment }}67890', {}, '1234567890'],
  ['{ {x} }', { x: 1 }, '{ {x} }'],
];

void t.test('template: what mustache specifies of variables, sections and comments', async (t) => {
  for (const [source, variables, text] of laws) t.equal(render(source, variables), text, source);
});

void t.test('template: only what variables themselves hold is seen', async (t) => {
  for (const name of ['constructor', 'toString', '__proto__', 'a.constructor', 'a.length.constructor.name']) {
    t.equal(render(`{{${name}}}`, { a: 'text' }), '', name);
  }
});

void t.test('template: sections that do not match and names that are none are refused', async (t) => {
  for (const source of [
    '{{#a}}',
    '{{/a}}',
    '{{#a}}{{/b}}',
    '{{#a}}{{#b}}{{/a}}{{/b}}',
    '{{a b}}',
    '{{}}',
    '{{>partial}}',
    '{{=<% %>=}}',
    '{{a()}}',
  ]) {
    t.throws(() => parseTemplate(source), { code: 'ERR_NOTIFY' }, source);
  }
  t.throws(() => parseTemplate('{{#a}}'.repeat(40) + '{{/a}}'.repeat(40)), { code: 'ERR_NOTIFY' });
});

void t.test('template: what it makes is bounded, also where it makes nothing of much', async (t) => {
  const list = Array.from({ length: 1000 }, (_, index) => index);
  t.throws(() => render('{{#a}}{{#a}}{{#a}}x{{/a}}{{/a}}{{/a}}', { a: list }), { code: 'ERR_NOTIFY' });
  t.throws(() => render('{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}', { a: list }), { code: 'ERR_NOTIFY' });
});

void t.test('template: no variable becomes markup unless it is asked for', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(fc.property(fc.string(), (value) => !/[<>"']/.test(render('{{v}}', { v: value })))),
  );
});

void t.test('template: a variable is not a template', async (t) => {
  t.equal(render('{{a}}', { a: '{{b}}', b: 'x' }), '{{b}}');
});

void t.test('template: hostile sources and HTML are read in one pass', async (t) => {
  const many = (text: string): string => text.repeat(Math.floor(128_000 / text.length));
  // Each of these takes minutes where something is read over and over: the file would not end in time.
  for (const source of [
    `{{${many(' ')}`,
    many('{'),
    many('{{'),
    many('{{ {'),
    `{{{${many(' ')}x`,
    many('}}{{'),
  ]) {
    try {
      render(source, {});
    } catch (error) {
      t.match(error, { code: 'ERR_NOTIFY' });
    }
  }
  for (const html of [many('<'), many('<script>'), many('<style '), many('</'), `<p${many(' ')}`])
    t.type(toPlainText(html), 'string');
  t.equal(
    toPlainText('<h1>Hi</h1><script>x<b></script><p>a &lt; b<br>c</p><style>p{}</style>'),
    'Hi\na < b\nc',
  );
});
