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
  LanguageGuest.open(t, 'handler.rb', { 'handler.rb': source });

const dispatcher = (cases: Readonly<Record<string, string>>): string =>
  [
    'require "time"',
    '$count = 0',
    ...Object.entries(cases).map(([name, body]) => `def do_${name}(event, context)\n  ${body}\nend`),
    'def lambda_handler(event:, context:)\n  send("do_#{event["do"]}", event, context)\nend',
  ].join('\n');

void t.test("ruby: Lambda's own example answers over HTTP", async (t) => {
  const guest = await open(
    t,
    `require 'json'

def lambda_handler(event:, context:)
    # TODO implement
    { statusCode: 200, body: JSON.generate('Hello from Lambda!') }
end
`,
  );
  await answersExample(t, guest);
});

void t.test('ruby: one interpreter serves calls one after the other', async (t) => {
  const guest = await open(
    t,
    dispatcher({
      counted: '$count += 1',
      echo: 'event',
      context:
        '%w[function_name function_version memory_limit_in_mb invoked_function_arn log_group_name].to_h { |k| [k, context.public_send(k)] }.merge("id" => context.aws_request_id.start_with?("id-"), "stream" => context.log_stream_name)',
      remaining: 'context.get_remaining_time_in_millis.between?(1, 60_000)',
      client: 'context.client_context',
      printed:
        'puts "to the log", "ü€😀"; print "half"; warn "careful"; STDOUT.puts %({"result":1}); $stderr << "a line" << "\\n"; p 1; printf("%d\\n", 2); "said"',
      nothing: 'nil',
      symbol: ':word',
      bytes: '"\\xff\\xfe".b',
      nan: 'Float::NAN',
      large: '"x" * (6 * 1024 * 1024)',
      raises: 'raise ArgumentError, "too much #{event["what"]}"',
      stdin: '[$stdin.read, STDIN.gets, gets]',
      talks: 'raise "x" * 20_000_000',
      exits: 'exit 3',
      recurses: 'do_recurses(event, context)',
      gems: 'require "base64"; require "csv"; [Base64.strict_encode64("hi"), CSV.parse_line("a,b"), Time.parse("2024-01-01 00:00:00Z").year]',
      absent: 'require "nowhere"',
      throws: 'throw :nobody',
    }),
  );
  const run = caseRunner(guest);
  await t.test('state of the file persists', async (t) => {
    t.equal(await run('counted'), 1);
    t.equal(await run('counted'), 2);
  });
  await t.test('events and results are any JSON', async (t) => {
    const event = { do: 'echo', text: 'ü€😀 \u2028 \0 "', deep: [{ a: null }, true, 1e300, -0.5] };
    t.strictSame(await run('echo', event), event);
    t.equal(await run('nothing'), null);
    t.equal(await run('symbol'), 'word');
  });
  await t.test("the context has Lambda's fields", async (t) => {
    t.match(await run('context'), { ...contextFields, id: true, stream: streamName });
    t.equal(await run('remaining'), true);
    t.strictSame(await run('client', {}, { c: { custom: { a: 1 } } }), { custom: { a: 1 } });
  });
  await t.test('the standard library is there, its gems too', async (t) => {
    t.strictSame(await run('gems'), ['aGk=', ['a', 'b'], 2024]);
    t.strictSame(await run('absent'), ['Z', 'Function<LoadError>', 'handler']);
  });
  await t.test('what cannot be answered is a marshal error', async (t) => {
    for (const name of ['bytes', 'nan'])
      t.strictSame(await run(name), ['Z', 'Runtime.MarshalError', 'result'], name);
    t.strictSame(await run('large'), ['Z', 'Function.ResponseSizeTooLarge', 'result']);
  });
  await t.test("errors carry Lambda's name, message and the author's frames", async (t) => {
    const { letter, json } = await guest.event({ do: 'raises', what: 'ünicode' });
    t.equal(letter, 'Z');
    t.strictSame([json[0], json[1], json[3]], ['Function<ArgumentError>', 'too much ünicode', 'handler']);
    t.match(json[2], /\/app\/handler\.rb:\d+:in 'Object#do_raises'/);
    t.notMatch(json[2], /\.islet/);
    t.strictSame(await run('exits'), ['Z', 'Runtime.ExitError', 'handler']);
    t.strictSame(await run('recurses'), ['Z', 'Function<SystemStackError>', 'handler']);
    t.strictSame(await run('throws'), ['Z', 'Function<UncaughtThrowError>', 'handler']);
    t.strictSame(await run('talks'), ['Z', 'Function<RuntimeError>', 'handler']);
    t.equal(await run('counted'), 3);
  });
  await t.test('standard input is empty: calls come elsewhere', async (t) => {
    t.strictSame(await run('stdin'), ['', null, null]);
  });
  await t.test('an event too deep to read is an error of its own call', async (t) => {
    await survivesDepth(t, run, 4);
  });
  await t.test('what is printed is log, never an answer', async (t) => {
    t.equal(await run('printed'), 'said');
    t.equal((await guest.ended()).code, 0);
    t.strictSame(guest.logs(), [
      ['log', 'to the log'],
      ['log', 'ü€😀'],
      ['error', 'careful'],
      ['log', 'half{"result":1}'],
      ['error', 'a line'],
      ['log', '1'],
      ['log', '2'],
    ]);
  });
});

void t.test('ruby: requests are API Gateway events, also with binary bodies', async (t) => {
  const guest = await open(
    t,
    `require 'base64'
def lambda_handler(event:, context:)
  body = event['isBase64Encoded'] ? Base64.decode64(event['body']) : event['body']
  { statusCode: 201, headers: { 'content-type' => 'image/png', 'x-path' => event['rawPath'] }, cookies: ['a=b'],
    isBase64Encoded: true, body: Base64.strict_encode64(body.reverse) }
end
`,
  );
  await answersBinary(t, guest);
});

void t.test('ruby: files of the folder are there, and methods of classes are handlers', async (t) => {
  const guest = await LanguageGuest.open(
    t,
    'main.rb',
    {
      'src/app.rb': `require_relative '../helper'
require 'json'
require 'logger'
module Shop
  class Handler
    def self.process(event:, context:)
      Logger.new($stdout).info('doubling')
      [double(event), JSON.parse(File.read('data/table.json')), Dir.pwd, ENV['_HANDLER']]
    end
    def self.double(n) = Helper.double(n)
  end
end`,
      'helper.rb': 'module Helper; def self.double(n) = n * 2; end',
      'data/table.json': '{"k": [1, 2]}',
    },
    { handler: 'src/app.Shop::Handler.process' },
  );
  t.strictSame(JSON.parse((await guest.event(21)).json[0] as string), [
    42,
    { k: [1, 2] },
    '/app',
    'src/app.Shop::Handler.process',
  ]);
  await guest.ended();
  const logs = guest.logs();
  t.match(logs[0], ['log', /INFO -- : doubling/]);
});

void t.test('ruby: the module Islet gives bindings', async (t) => {
  const guest = await LanguageGuest.open(
    t,
    'handler.rb',
    {
      'handler.rb': `require 'islet'
KV = Islet.env.KV
EARLY = begin
  KV.get('early')
  nil
rescue Islet::Error => e
  e.message
end

def check(value) = value || raise("not so at #{caller_locations(1, 1).first.lineno}")

def lambda_handler(event:, context:)
  kv = Islet.env['KV']
  KV.put('text', 'ü€😀')
  raw = (0..255).to_a.pack('C*')
  version = kv.put('raw', raw, metadata: { a: 1 })
  check kv.get('text') == 'ü€😀'
  found = kv.get_with_metadata('raw', type: :bytes)
  check found.value == raw && found.metadata == { 'a' => 1 } && found.version == version
  check kv.get('nothing').nil?
  check kv.put('raw', 'x', if_absent: true).nil?
  check kv.put('raw', '{"j": 1}', if_version: version)
  check kv.get('raw', type: :json) == { 'j' => 1 }
  check kv.increment('n') == 1 && kv.increment('n', 5) == 6
  check kv.list['keys'].map { |key| key['name'] } == %w[n raw text]
  check kv.list(prefix: 't', limit: 1)['list_complete']
  kv.delete('text')
  check kv.get('text').nil?
  big = '0123456789' * 200_000
  kv.put('big', big)
  check kv.get('big', type: :bytes) == big
  check Islet.env.key?('KV') && !Islet.env.key?('NO')
  attempts = [-> { kv.get('') }, -> { kv.put('k', 5) }, -> { kv.put('k', 'x' * 6_000_001) }, -> { Islet.env.MISSING }, -> { Islet.fetch('nonsense') }]
  failures = attempts.map do |attempt|
    attempt.call
    nil
  rescue StandardError => e
    [e.class.name, e.respond_to?(:code) ? e.code : nil]
  end
  [!EARLY.nil?, failures]
end
`,
    },
    { kv: attachKv(t) },
  );
  const { letter, json } = await guest.event({});
  t.equal(letter, 'R', String(json));
  t.strictSame(JSON.parse(json[0] as string), [
    true,
    [
      ['Islet::Error', 'ERR_KV_KEY'],
      ['TypeError', null],
      ['Islet::Error', null],
      ['NoMethodError', null],
      ['Islet::Error', null],
    ],
  ]);
});

const faults: StartFaults = {
  syntax: ['def lambda_handler(event:, context:', 'Init<SyntaxError>', /\/app\/handler\.rb:1/],
  load: ["require 'nowhere'\ndef lambda_handler = 1", 'Init<LoadError>', /\/app\/handler\.rb:1/],
  missing: ['# lambda_handler', 'Runtime.HandlerNotFound', /lambda_handler/],
  throws: ['# handler\n{}.fetch("key")', 'Init<KeyError>', /\/app\/handler\.rb:2/],
  exits: ['# handler\nexit 2', 'Init<SystemExit>', /\/app\/handler\.rb:2/],
};

testStartFaults('ruby', faults, open);
