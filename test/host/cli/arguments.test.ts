import t from 'tap';
import { parseArguments } from '#host/cli/arguments.ts';
import { path, query } from '#host/cli/client.ts';
import { parsePairs, parseReference } from '#host/cli/reference.ts';
import { toName } from '#host/cli/source-name.ts';
import { bytesText, table } from '#host/cli/table.ts';
import { visible } from '#host/cli/terminal.ts';
import { UsageError } from '#host/cli/usage-error.ts';
import type { Verb } from '#host/cli/verb.ts';
import { verbs } from '#host/cli/verbs.ts';
import { cli } from '#test/support/cli.ts';

const verb: Verb = {
  name: 'try',
  summary: '',
  operands: 'A [B]',
  count: { least: 1, most: 2 },
  flags: {
    name: { type: 'string', short: 'n', help: '' },
    var: { type: 'string', multiple: true, help: '' },
    count: { type: 'string', help: '' },
    level: { type: 'string', help: '' },
    json: { type: 'boolean', help: '' },
    'no-activate': { type: 'boolean', help: '' },
  },
  run: () => Promise.resolve(0),
};

void t.test('arguments: flags in any order, short, with "=", repeated, and after "--"', async (t) => {
  const args = parseArguments(verb, [
    '--json',
    'a',
    '-n',
    'x',
    '--var=A=1',
    '--var',
    'B=2',
    '--no-activate',
    '--',
    '-b',
  ]);
  t.same(args.operands, ['a', '-b']);
  t.equal(args.text('name'), 'x');
  t.same(args.texts('var'), ['A=1', 'B=2']);
  t.ok(args.is('json') && args.is('no-activate') && !args.is('count'));
  t.equal(parseArguments(verb, ['a', '--name', 'x', '--name', 'y']).text('name'), 'y');
  t.equal(parseArguments(verb, ['a', '--name=-5']).text('name'), '-5');
  t.equal(parseArguments(verb, ['a', '--name', '-']).text('name'), '-');
  t.equal(parseArguments(verb, ['a', '--name=']).text('name'), '');
});

void t.test('arguments: what is not usable is a UsageError', async (t) => {
  const rows: readonly (readonly string[])[] = [
    [],
    ['a', 'b', 'c'],
    ['a', '--nme', 'x'],
    ['a', '-x'],
    ['a', '--name'],
    ['a', '--name', '--json'],
    ['a', '--name', '-5'],
    ['a', '--json=yes'],
    ['a', '--no-json'],
    ['a', '--toString'],
    ['a', '--__proto__=x'],
  ];
  for (const argv of rows) t.throws(() => parseArguments(verb, argv), UsageError, argv.join(' '));
});

void t.test('arguments: an unknown flag names the nearest', async (t) => {
  t.throws(() => parseArguments(verb, ['a', '--nmae', 'x']), { message: /--name/ });
  t.throws(() => parseArguments(verb, ['a', '--jsno']), { message: /--json/ });
});

void t.test('arguments: numbers and choices are checked', async (t) => {
  const number = (text: string): unknown =>
    parseArguments(verb, ['a', `--count=${text}`]).number('count', 1, 10);
  t.equal(number('1'), 1);
  t.equal(number('10'), 10);
  for (const text of ['0', '11', '1.5', '', 'x', '1e1', ' 1', '-1'])
    t.throws(() => number(text), UsageError, text);
  const choice = (text: string): unknown =>
    parseArguments(verb, ['a', `--level=${text}`]).choice('level', ['off', 'auto']);
  t.equal(choice('off'), 'off');
  t.throws(() => choice('of'), UsageError);
});

void t.test('reference: a name, or a name and a version', async (t) => {
  t.same(parseReference('shop'), { name: 'shop' });
  t.same(parseReference('shop@12'), { name: 'shop', version: 12 });
  for (const text of ['', '@1', 'shop@', 'shop@0', 'shop@x', 'Shop', 'a/b', 'shop@1@2']) {
    t.throws(() => parseReference(text), UsageError, text);
  }
  t.same(parsePairs(['A=1', 'B=', 'C=x=y']), { A: '1', B: '', C: 'x=y' });
  for (const text of ['A', '=1', '']) t.throws(() => parsePairs([text]), UsageError, text);
});

void t.test('source name: whatever a folder is called becomes a label, or a UsageError', async (t) => {
  t.equal(toName('My_Shop v2'), 'my-shop-v2');
  t.equal(toName(`${'x'.repeat(62)}--y`), 'x'.repeat(62));
  t.equal(toName('.hidden'), 'hidden');
  t.throws(() => toName('магазин'), UsageError);
});

void t.test('client: values in paths and queries are encoded, dots refused', async (t) => {
  t.equal(path`/v1/kv/${'a/b'}/values/${'x?#% y'}`, '/v1/kv/a%2Fb/values/x%3F%23%25%20y');
  for (const value of ['.', '..', '']) t.throws(() => path`/v1/${value}`, UsageError, value);
  t.equal(query({ a: 1, b: undefined, c: 'x&y' }), '?a=1&c=x%26y');
  t.equal(query({ a: undefined }), '');
});

void t.test('terminal: text of a guest cannot steer the terminal', async (t) => {
  t.equal(
    visible('a\u001b[31mb\u0007\r\u009b2J\u0000\ttab\nline é😀'),
    'a\\x1b[31mb\\x07\\x0d\\x9b2J\\x00\ttab\nline é😀',
  );
});

void t.test('table: columns are as wide as their widest cell, bytes have units', async (t) => {
  t.same(table(['A', 'LONG'], [['xyz', '1']]), ['A    LONG', 'xyz  1']);
  t.same([0, 1023, 1024, 1.5 * 2 ** 20, 3 * 2 ** 40].map(bytesText), [
    '0 B',
    '1023 B',
    '1.0 KB',
    '1.5 MB',
    '3072.0 GB',
  ]);
});

void t.test('cli: every verb has help on stdout, with each of its flags, and exit code 0', async (t) => {
  for (const verb of verbs.filter((verb) => verb.passThrough !== true)) {
    const { code, out, err } = await cli([...verb.name.split(' '), '--help']);
    t.same({ code, err }, { code: 0, err: '' }, verb.name);
    for (const flag of [...Object.keys(verb.flags), 'help'])
      t.match(out, `--${flag}`, `${verb.name} --${flag}`);
    t.equal((await cli(['help', ...verb.name.split(' ')])).out, out);
  }
});

void t.test('cli: --help, -h and help list every verb; nothing at all is exit code 2', async (t) => {
  for (const argv of [['--help'], ['-h'], ['help']]) {
    const { code, out } = await cli(argv);
    t.equal(code, 0);
    for (const verb of verbs) t.match(out, `\n  ${verb.name} `, verb.name);
  }
  const bare = await cli([]);
  t.equal(bare.code, 2);
  t.equal(bare.out, '');
  t.match(await cli(['secret', '--help']), {
    code: 0,
    out: /secret put[\s\S]*secret list[\s\S]*secret delete/,
  });
  t.match(await cli(['--version']), { code: 0, out: '9.9.9\n' });
});

void t.test('cli: unknown verbs, groups and flags are exit code 2 and name the nearest', async (t) => {
  const rows: readonly (readonly [readonly string[], RegExp])[] = [
    [['lst'], /"list"/],
    [['deplyo', 'x'], /"deploy"/],
    [['qqqqqqqq'], /no verb/],
    [['secret'], /put, list, delete/],
    [['secret', 'show'], /put, list, delete/],
    [['kv', '--json'], /namespaces, list, get, put, delete/],
    [['--json', 'list'], /before a verb/],
    [['list', '--jsn'], /--json/],
    [['list', 'x'], /does not take/],
    [['invoke'], /needs NAME/],
    [['invoke', 'x', '--data', '{'], /not JSON/],
    [['invoke', 'Not_A_Name'], /name/],
    [['host', '--port', '70000'], /--port/],
    [['host', '--sandbox', 'hard'], /auto, require, off/],
    [['list', '--admin', 'localhost:1'], /not an address/],
    [['weights', 'f', '1=x'], /percentage/],
    [['help', 'nothing'], /no verb/],
  ];
  for (const [argv, pattern] of rows) {
    const { code, out, err } = await cli(argv, { env: { ISLET_TOKEN: 'x' } });
    t.same({ code, out }, { code: 2, out: '' }, argv.join(' '));
    t.match(err, pattern, argv.join(' '));
  }
});
