import t from 'tap';
import { LanguageGuest } from '#test/support/language-guest.ts';
import {
  answersBinary,
  answersExample,
  caseRunner,
  contextFields,
  streamName,
  survivesDepth,
  testStartFaults,
} from '#test/support/language-laws.ts';
import type { StartFaults } from '#test/support/language-laws.ts';
import { attachKv } from '#test/support/attach-kv.ts';

const open = (t: Parameters<typeof LanguageGuest.open>[0], source: string): Promise<LanguageGuest> =>
  LanguageGuest.open(t, 'handler.py', { 'handler.py': source });

/** Runs the handler once with each expression as its result, or its error. */
const dispatcher = (cases: Readonly<Record<string, string>>): string =>
  [
    'import json, datetime, decimal, sys',
    'count = 0',
    ...Object.entries(cases).map(([name, body]) => `def ${name}(event, context):\n    ${body}`),
    'def lambda_handler(event, context):\n    return globals()[event["do"]](event, context)',
  ].join('\n');

void t.test("python: Lambda's own example answers over HTTP", async (t) => {
  const guest = await open(
    t,
    `import json

def lambda_handler(event, context):
    # TODO implement
    return {
        'statusCode': 200,
        'body': json.dumps('Hello from Lambda!')
    }
`,
  );
  await answersExample(t, guest);
});

void t.test('python: one interpreter serves calls one after the other', async (t) => {
  const guest = await open(
    t,
    dispatcher({
      counted: 'global count; count += 1; return count',
      echo: 'return event',
      context:
        'return {k: getattr(context, k) for k in ("aws_request_id", "function_name", "function_version", "memory_limit_in_mb", "invoked_function_arn", "log_group_name", "log_stream_name")}',
      remaining: 'return 0 < context.get_remaining_time_in_millis() <= 60000',
      client:
        'return [context.client_context.custom, context.client_context.env, context.identity.cognito_identity_id]',
      printed:
        'print("to the log", "ü€😀"); sys.stderr.write("half a line"); sys.__stdout__.write("{\\"result\\":1}\\n"); return "said"',
      nothing: 'return None',
      price: 'return decimal.Decimal("1.5")',
      bytes: 'return b"raw"',
      date: 'return datetime.datetime(2024, 1, 1)',
      nan: 'return float("nan")',
      loop: 'x = []; x.append(x); return x',
      large: 'return "x" * (6 * 1024 * 1024)',
      raises: 'raise ValueError("too much " + event["what"])',
      stdin: 'return [sys.stdin.read(), sys.__stdin__.readline()]',
      closes: 'sys.stdout.detach(); print("lost"); return 1',
      talks: 'raise ValueError("x" * 20_000_000)',
      exits: 'sys.exit(3)',
      recurses: 'return recurses(event, context)',
      hides: 'class Odd(Exception):\n        def __str__(self): raise self\n    raise Odd()',
    }),
  );
  const run = caseRunner(guest);
  await t.test('state of the module persists', async (t) => {
    t.equal(await run('counted'), 1);
    t.equal(await run('counted'), 2);
  });
  await t.test('events and results are any JSON, digit by digit', async (t) => {
    const event = {
      do: 'echo',
      text: 'ü€😀 \u2028 \0 "',
      deep: [{ a: null }, true, 1e300, -0.5],
      lone: '\ud800',
    };
    t.strictSame(await run('echo', event), event);
    t.equal(await run('nothing'), null);
    t.equal(await run('price'), 1.5);
  });
  await t.test("the context has Lambda's fields", async (t) => {
    const context = (await run('context')) as Record<string, string>;
    t.match(context['log_stream_name'], streamName);
    t.match(context['aws_request_id'], /^id-\d+$/);
    t.match(context, contextFields);
    t.equal(await run('remaining'), true);
    t.strictSame(await run('client', {}, { c: { custom: { a: 1 }, env: { b: 2 } } }), [
      { a: 1 },
      { b: 2 },
      null,
    ]);
  });
  await t.test('what cannot be answered is a marshal error', async (t) => {
    for (const name of ['bytes', 'date', 'nan', 'loop'])
      t.strictSame(await run(name), ['Z', 'Runtime.MarshalError', 'result'], name);
    t.strictSame(await run('large'), ['Z', 'Function.ResponseSizeTooLarge', 'result']);
  });
  await t.test(
    "errors carry Python's name, message and traceback, of the author's frames only",
    async (t) => {
      const { letter, json } = await guest.event({ do: 'raises', what: 'ünicode' });
      t.equal(letter, 'Z');
      t.strictSame([json[0], json[1], json[3]], ['ValueError', 'too much ünicode', 'handler']);
      const stack = json[2] as string;
      t.match(
        stack,
        /^Traceback \(most recent call last\):\n {2}File "\/app\/handler\.py", line \d+, in lambda_handler\n/,
      );
      t.notMatch(stack, /\.islet/);
      t.strictSame(await run('exits'), ['Z', 'Runtime.ExitError', 'handler']);
      t.strictSame(await run('recurses'), ['Z', 'RecursionError', 'handler']);
      t.strictSame(await run('hides'), ['Z', 'Odd', 'handler']);
      t.strictSame(await run('talks'), ['Z', 'ValueError', 'handler']);
      t.equal(await run('counted'), 3);
    },
  );
  await t.test('standard input is empty: calls come elsewhere', async (t) => {
    t.strictSame(await run('stdin'), ['', '']);
  });
  await t.test('an event too deep to read is an error of its own call', async (t) => {
    await survivesDepth(t, run, 4);
  });
  await t.test('what is printed is log, never an answer', async (t) => {
    t.equal(await run('printed'), 'said');
    t.strictSame(await run('closes'), ['Z', 'ValueError', 'handler']);
    t.equal((await guest.ended()).code, 0);
    t.strictSame(guest.logs(), [
      ['log', 'to the log ü€😀'],
      ['log', '{"result":1}'],
      ['error', 'half a line'],
    ]);
  });
});

void t.test('python: requests are API Gateway events, also with binary bodies', async (t) => {
  const guest = await open(
    t,
    `import base64
def lambda_handler(event, context):
    body = base64.b64decode(event['body']) if event['isBase64Encoded'] else event['body'].encode()
    return {'statusCode': 201, 'headers': {'content-type': 'image/png', 'x-path': event['rawPath']},
            'cookies': ['a=b'], 'isBase64Encoded': True, 'body': base64.b64encode(body[::-1]).decode()}
`,
  );
  await answersBinary(t, guest);
});

void t.test('python: modules and files of the folder are there', async (t) => {
  const guest = await LanguageGuest.open(
    t,
    'main.py',
    {
      'src/app.py': `from helper import double
import json, logging, os
logging.getLogger().setLevel(logging.INFO)
def run(event, context):
    logging.info('doubling %s', event)
    logging.getLogger('x').warning('careful')
    return [double(event), json.load(open('data/table.json')), os.getcwd(), os.environ['_HANDLER']]`,
      'helper/__init__.py': 'from .deep import double',
      'helper/deep.py': 'def double(x): return x * 2',
      'data/table.json': '{"k": [1, 2]}',
    },
    { handler: 'src/app.run' },
  );
  t.strictSame(JSON.parse((await guest.event(21)).json[0] as string), [
    42,
    { k: [1, 2] },
    '/app',
    'src/app.run',
  ]);
  await guest.ended();
  const logs = guest.logs();
  t.strictSame(
    logs.map(([level]) => level),
    ['info', 'warn'],
  );
  t.match(logs[0]?.[1], /^\[INFO\]\t[\d-]+T[\d:.]+Z\tid-1\tdoubling 21$/);
});

void t.test('python: the module islet gives bindings', async (t) => {
  const guest = await LanguageGuest.open(
    t,
    'handler.py',
    {
      'handler.py': `from islet import env, fetch, Error
import islet
kv = env.KV
try:
    kv.get('early')
    early = None
except Error as error:
    early = str(error)

def lambda_handler(event, context):
    kv.put('text', 'ü€😀')
    version = env.KV.put('raw', bytes(range(256)), metadata={'a': 1})
    assert kv.get('text') == 'ü€😀'
    found = kv.get_with_metadata('raw', 'bytes')
    assert found.value == bytes(range(256)) and found.metadata == {'a': 1} and found.version == version
    assert kv.get('nothing') is None
    assert kv.put('raw', 'x', if_absent=True) is None
    assert kv.put('raw', '{"j": 1}', if_version=version)
    assert kv.get('raw', type='json') == {'j': 1}
    assert kv.increment('n') == 1 and kv.increment('n', 5) == 6
    assert [key['name'] for key in kv.list()['keys']] == ['n', 'raw', 'text']
    assert kv.list(prefix='t', limit=1)['list_complete']
    kv.delete('text')
    assert kv.get('text') is None
    big = b'0123456789' * 200_000
    kv.put('big', big)
    assert kv.get('big', 'bytes') == big
    assert 'KV' in env and 'NO' not in env
    failures = []
    for attempt in (lambda: kv.get(''), lambda: kv.put('k', 5), lambda: kv.put('k', bytes(6_000_001)), lambda: env.MISSING, lambda: fetch('nonsense')):
        try:
            attempt()
        except Exception as error:
            failures.append([type(error).__name__, getattr(error, 'code', None)])
    return [bool(early), failures]
`,
    },
    { kv: attachKv(t) },
  );
  const { letter, json } = await guest.event({});
  t.equal(letter, 'R', String(json));
  t.strictSame(JSON.parse(json[0] as string), [
    true,
    [
      ['Error', 'ERR_KV_KEY'],
      ['TypeError', null],
      ['Error', null],
      ['AttributeError', null],
      ['TypeError', null],
    ],
  ]);
});

const faults: StartFaults = {
  syntax: [
    'def lambda_handler(event, context)\n    pass',
    'Runtime.UserCodeSyntaxError',
    /handler\.py", line 1/,
  ],
  import: [
    'import requests\ndef lambda_handler(e, c): pass',
    'Runtime.ImportModuleError',
    /handler\.py", line 1/,
  ],
  missing: ['lambda_handler = 5', 'Runtime.HandlerNotFound', /lambda_handler/],
  throws: ['lambda_handler = 1\nx = {}["key"]', 'KeyError', /handler\.py", line 2/],
  exits: ['lambda_handler = 1\nexit(2)', 'Runtime.ExitError', /handler\.py", line 2/],
};

testStartFaults('python', faults, open);
