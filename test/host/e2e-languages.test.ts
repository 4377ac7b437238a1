import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { openTestHost, type TestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

// An interpreter takes seconds to compile, many on a busy machine.
t.setTimeout(240_000);

const examples = join(import.meta.dirname, '../../examples');

/** The same function in each language: what the event asks for. */
const sources = {
  python: {
    'handler.py': `import json, os, time
from islet import Error, env, fetch
calls = 0
def lambda_handler(event, context):
    global calls
    calls += 1
    what = event.get('do')
    if what is None:
        body = event.get('body')
        return {'statusCode': 201, 'headers': {'x-kind': 'python', 'content-type': 'application/octet-stream'},
                'isBase64Encoded': event['isBase64Encoded'], 'body': body or ''}
    if what == 'calls': return calls
    if what == 'raise': raise ValueError('no good')
    if what == 'recurse':
        def deep(n): return deep(n + 1) + 1
        return deep(0)
    if what == 'complain': raise ValueError('x' * event['n'])
    if what == 'much': return 'x' * event['n']
    if what == 'spin':
        while True: pass
    if what == 'grow':
        kept = []
        while True: kept.append(bytearray(1 << 20))
    if what == 'sleep':
        time.sleep(event['seconds']); return event['n']
    if what == 'print':
        print('printed'); return None
    if what == 'count': return env.KV.increment('n')
    if what == 'vars': return [env.GREETING, os.environ['GREETING']]
    if what == 'fetch':
        answer = fetch(event['url'], method='POST', body=b'ping', headers={'x-a': 'b'})
        return [answer.status, answer.text, answer.headers['x-method']]
    if what == 'peer':
        told = env.PEER.fetch('/told', method='POST', json={'a': 1})
        try: env.PEER.call({'n': 0})
        except Error as error: failed = [error.name, str(error), error.code]
        return [told.status, told.text.replace(' ', ''), env.PEER.call({'n': 1}), failed,
                env.FILES.fetch('/page.txt').text, env.FILES.fetch('/none').status]
    if what == 'refused':
        try: return fetch(event['url']).status
        except Error as error: return error.code
    if what == 'write':
        open('/app/new', 'w')
`,
  },
  ruby: {
    'handler.rb': `$calls = 0
def lambda_handler(event:, context:)
  $calls += 1
  case event['do']
  when nil
    { statusCode: 201, headers: { 'x-kind' => 'ruby', 'content-type' => 'application/octet-stream' },
      isBase64Encoded: event['isBase64Encoded'], body: event['body'] || '' }
  when 'calls' then $calls
  when 'raise' then raise ArgumentError, 'no good'
  when 'recurse'
    deep = ->(n) { deep.(n + 1) + 1 }
    deep.(0)
  when 'complain' then raise ArgumentError, 'x' * event['n']
  when 'much' then 'x' * event['n']
  when 'spin' then loop {}
  when 'grow'
    kept = []
    loop { kept << ('x' * (1 << 20)) }
  when 'sleep'
    sleep(event['seconds'])
    event['n']
  when 'print' then puts 'printed'
  when 'count' then Islet.env.KV.increment('n')
  when 'vars' then [Islet.env.GREETING, ENV['GREETING']]
  when 'fetch'
    answer = Islet.fetch(event['url'], method: 'POST', body: 'ping', headers: { 'x-a' => 'b' })
    [answer.status, answer.text, answer.headers['x-method']]
  when 'peer'
    peer = Islet.env.PEER
    told = peer.fetch('/told', method: 'POST', json: { a: 1 })
    failed = begin
      peer.call({ n: 0 })
    rescue Islet::Error => error
      [error.kind, error.message, error.code]
    end
    files = Islet.env.FILES
    [told.status, told.text, peer.call({ n: 1 }), failed, files.fetch('/page.txt').text, files.fetch('/none').status]
  when 'refused'
    begin
      Islet.fetch(event['url']).status
    rescue Islet::Error => error
      error.code
    end
  when 'write' then File.write('/app/new', 'x')
  end
end
`,
  },
} as const;

const errorNames = { python: 'ValueError', ruby: 'Function<ArgumentError>' } as const;
const deepNames = { python: 'RecursionError', ruby: 'Function<SystemStackError>' } as const;
const memoryNames = { python: 'MemoryError', ruby: 'Function<NoMemoryError>' } as const;
/** Called by the others: an event is counted up, a request told. */
const peer = `export default {
  fetch: async (request) => new Response(request.method + new URL(request.url).pathname + await request.text(), { status: 201 }),
  async handler({ n }) { if (n === 0) throw new RangeError('zero'); return n + 1; },
};`;
const manifest = {
  bindings: {
    KV: { kind: 'kv' },
    PEER: { kind: 'function', function: 'peer' },
    FILES: { kind: 'assets' },
  },
  assets: { dir: 'public', first: 'function' },
  vars: { GREETING: 'hi' },
  limits: { cpuMs: 1000 },
  egress: { private: ['127.0.0.1'] },
};

/** Answers with what it was sent. */
async function openEcho(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () =>
      response.writeHead(203, { 'x-method': request.method }).end(Buffer.concat(pieces)),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function exercise(t: Test, language: 'python' | 'ruby', test: TestHost): Promise<void> {
  const { host } = test;
  const name = `the-${language}`;
  const files = { ...sources[language], 'public/page.txt': 'a page' };
  await host.deploy({ files }, { name, manifest });
  await test.deploy('peer', peer, { limits: { cpuMs: 2000 } });
  const run = async (event: object): Promise<unknown> => {
    const { outcome, value } = await host.invoke(name, event);
    return outcome.kind === 'returned' ? value : outcome;
  };

  await t.test(`${language}: the handler Lambda starts everybody with answers over HTTP`, async (t) => {
    await host.deploy(join(examples, `hello-${language}`));
    const response = await test.request(`/hello-${language}/`);
    t.equal(response.status, 200);
    t.equal(response.text, '"Hello from Lambda!"');
  });

  await t.test(`${language}: bodies go both ways as they are`, async (t) => {
    const body = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));
    const headers = { 'content-type': 'image/png' };
    const response = await test.request(`/${name}/`, { method: 'POST', body, headers });
    t.equal(response.status, 201);
    t.strictSame(response.headers['x-kind'], [language]);
    t.ok(response.body.equals(body));
  });

  await t.test(`${language}: the interpreter stays, with what it knows`, async (t) => {
    const first = (await run({ do: 'calls' })) as number;
    t.equal(await run({ do: 'calls' }), first + 1);
  });

  await t.test(`${language}: bindings, variables and fetch`, async (t) => {
    t.equal(await run({ do: 'count' }), 1);
    t.equal(await run({ do: 'count' }), 2);
    t.strictSame(await run({ do: 'vars' }), ['hi', 'hi']);
    t.strictSame(await run({ do: 'fetch', url: await openEcho(t) }), [203, 'ping', 'POST']);
  });

  await t.test(`${language}: other functions and files of its own`, async (t) => {
    const failed = ['RangeError', 'zero', 'ERR_GUEST_THREW'];
    t.strictSame(await run({ do: 'peer' }), [201, 'POST/told{"a":1}', 2, failed, 'a page', 404]);
  });

  await t.test(`${language}: fetch is under the same policy as everybody's`, async (t) => {
    const url = new URL(await openEcho(t));
    t.equal(await run({ do: 'refused', url: url.href }), 203, 'granted');
    for (const host of ['localhost', '127.1.2.3', '[::ffff:127.0.0.2]', '169.254.169.254'])
      t.equal(await run({ do: 'refused', url: `http://${host}:${url.port}/` }), 'ERR_EGRESS_REFUSED', host);
  });

  await t.test(`${language}: an error is the caller's answer and the log's stack`, async (t) => {
    const { outcome } = await host.invoke(name, { do: 'raise' });
    t.match(outcome, { kind: 'threw', error: { name: errorNames[language], message: 'no good' } });
    t.match(outcome, { error: { stack: /\/app\/handler\./ } });
    t.match(await run({ do: 'write' }), { kind: 'threw' }, 'the folder is read-only');
  });

  await t.test(`${language}: what is printed is log of its own call`, async (t) => {
    const { logs } = await host.invoke(name, { do: 'print' });
    t.strictSame(
      logs.map(({ level, message }) => [level, message]),
      [['log', 'printed']],
    );
  });

  await t.test(`${language}: calls at once are each answered`, async (t) => {
    const numbers = Array.from({ length: 6 }, (_, n) => n);
    const answers = await Promise.all(numbers.map((n) => run({ do: 'sleep', seconds: 0.05, n })));
    t.strictSame(answers, numbers);
  });

  await t.test(`${language}: what is too deep or too large ends its call, and the next runs`, async (t) => {
    const threw = (name: string): object => ({ kind: 'threw', error: { name } });
    for (const [event, outcome] of [
      [{ do: 'recurse' }, threw(deepNames[language])],
      // A result may have 6 MiB.
      [{ do: 'much', n: 7_000_000 }, threw('Function.ResponseSizeTooLarge')],
      [{ do: 'complain', n: 20_000_000 }, threw(errorNames[language])],
    ] as const) {
      t.match(await run(event), outcome, event.do);
      t.type(await run({ do: 'calls' }), 'number', event.do);
      if (event.do === 'much')
        t.equal(
          String(await run({ do: 'much', n: 6_000_000 })).length,
          6_000_000,
          'a result as long as it may be',
        );
    }
  });

  await t.test(`${language}: limits hold, and the next call runs`, async (t) => {
    t.match(await run({ do: 'spin' }), { kind: 'exceeded', limit: 'cpuMs' });
    t.type(await run({ do: 'calls' }), 'number');
    // Both catch what was refused: with what they have left, they answer with an error of their own.
    t.match(await run({ do: 'grow' }), { kind: 'threw', error: { name: memoryNames[language] } });
    t.type(await run({ do: 'calls' }), 'number');
  });
}

void t.test('python: deployed to a host', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  await exercise(t, 'python', test);
  await t.test('python: what does not load is refused with file and line', async (t) => {
    const source = { 'handler.py': 'import json\n\ndef lambda_handler(event, context)\n    return 1\n' };
    const error = await test.host.deploy({ files: source }, { name: 'broken' }).then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { code: string },
    );
    t.equal(error?.code, 'ERR_DEPLOY_FAILED');
    t.match(error?.message, /handler\.py, line 3/);
  });
  await t.test('python: a restarted host goes on', async (t) => {
    const again = await test.restart();
    const { value } = await again.host.invoke('the-python', { do: 'count' });
    t.equal(value, 3);
  });
});

void t.test('ruby: deployed to a host', { skip: withoutAddon }, async (t) => {
  const test = await openTestHost(t);
  await exercise(t, 'ruby', test);
});
