import { brotliDecompressSync, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { closeTab, type Reply } from '#runtime/isolate/services/desk.ts';
import { createPayer, type TestPayer } from '#test/support/services.ts';

const MiB = 2 ** 20;
const none = new Uint8Array();

async function ask(
  payer: TestPayer,
  method: string,
  args: readonly unknown[],
  bytes: Uint8Array = none,
): Promise<Reply> {
  return (await payer.desk.ask(payer, { method, args, bytes: new Uint8Array(bytes) })) as Reply;
}

function answerOf(reply: Reply): { readonly value: unknown; readonly bytes: Buffer } {
  if (!reply.ok) throw new Error(`${reply.error.name} ${reply.error.code} ${reply.error.message}`);
  return { value: reply.value, bytes: Buffer.from(reply.bytes ?? none) };
}

const failureOf = (reply: Reply): unknown => (reply.ok ? 'ok' : [reply.error.name, reply.error.code]);

void t.test('zlib: a stream in pieces, its number until it is over', async (t) => {
  const payer = createPayer(1e9);
  const first = answerOf(await ask(payer, 'zlib.write', [0, 'gzip', null, 'none'], Buffer.from('hello ')));
  t.strictSame(first.value, [1, false]);
  const flushed = answerOf(await ask(payer, 'zlib.write', [1, 'gzip', null, 'sync'], Buffer.from('wor')));
  const last = answerOf(await ask(payer, 'zlib.write', [1, 'gzip', null, 'finish'], Buffer.from('ld')));
  t.strictSame(last.value, [0, false]);
  t.ok(flushed.bytes.length > 0, 'sync gives all there is');
  t.equal(gunzipSync(Buffer.concat([first.bytes, flushed.bytes, last.bytes])).toString(), 'hello world');
  t.strictSame(failureOf(await ask(payer, 'zlib.write', [1, 'gzip', null, 'none'])), [
    'TypeError',
    undefined,
  ]);
});

void t.test('zlib: output of a bomb comes in parts, as it is asked for', async (t) => {
  const payer = createPayer(1e9);
  const bomb = deflateRawSync(Buffer.alloc(4 * MiB));
  let { value, bytes } = answerOf(await ask(payer, 'zlib.write', [0, 'inflate-raw', null, 'none'], bomb));
  let total = bytes.length;
  let longest = total;
  for (let more = (value as [number, boolean])[1]; more; more = (value as [number, boolean])[1]) {
    ({ value, bytes } = answerOf(await ask(payer, 'zlib.write', [1, 'inflate-raw', null, null])));
    total += bytes.length;
    longest = Math.max(longest, bytes.length);
  }
  t.equal(total, 4 * MiB);
  t.ok(longest <= 256 * 1024, `${longest} bytes`);
});

void t.test('zlib: what comes out is paid for as well', async (t) => {
  const payer = createPayer(1e9);
  const bomb = deflateRawSync(Buffer.alloc(MiB));
  answerOf(await ask(payer, 'zlib', ['inflate-raw', null, null], bomb));
  const small = createPayer(1e9);
  answerOf(await ask(small, 'zlib', ['inflate-raw', null, null], deflateRawSync(Buffer.alloc(10))));
  t.ok(payer.cpuMs > small.cpuMs * 2);
  const poor = createPayer(payer.cpuMs / 2);
  t.strictSame(failureOf(await ask(poor, 'zlib', ['inflate-raw', null, null], bomb)), [
    'OperationError',
    undefined,
  ]);
  t.equal(poor.over, 'cpuMs');
});

void t.test('zlib: malformed, cut off and followed by more are TypeErrors with a code', async (t) => {
  const payer = createPayer(1e9);
  const good = gzipSync('hello');
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [Buffer.from('nonsense'), 'Z_DATA_ERROR'],
    [good.subarray(0, -1), 'Z_BUF_ERROR'],
    [Buffer.concat([good, Buffer.from([1])]), 'ERR_TRAILING_JUNK_AFTER_STREAM_END'],
  ];
  for (const [bytes, code] of cases) {
    t.strictSame(failureOf(await ask(payer, 'zlib', ['gunzip', null, null], bytes)), ['TypeError', code]);
    t.strictSame(failureOf(await ask(payer, 'zlib.write', [0, 'gunzip', null, 'finish'], bytes)), [
      'TypeError',
      code,
    ]);
  }
});

void t.test('zlib: all at once, to the last byte of what is allowed', async (t) => {
  const payer = createPayer(1e9);
  const text = Buffer.from('hello '.repeat(1000));
  const fast = answerOf(await ask(payer, 'zlib', ['gzip', { level: 1 }, null], text)).bytes;
  t.ok(gunzipSync(fast).equals(text));
  const brotli = answerOf(await ask(payer, 'zlib', ['brotli', { quality: 4 }, null], text)).bytes;
  t.ok(brotliDecompressSync(brotli).equals(text));
  t.equal(answerOf(await ask(payer, 'zlib', ['unbrotli', null, 6000], brotli)).bytes.length, 6000);
  t.strictSame(failureOf(await ask(payer, 'zlib', ['unbrotli', null, 5999], brotli)), [
    'RangeError',
    'ERR_BUFFER_TOO_LARGE',
  ]);
  t.equal(answerOf(await ask(payer, 'zlib', ['gzip', null, null], none)).bytes.length, 20, 'of nothing');
});

void t.test('zlib: streams end with their invocation, and there are so many at most', async (t) => {
  const payer = createPayer(1e9);
  // 300 KB each of 32 MB.
  for (let stream = 1; stream <= 109; stream++)
    t.strictSame(answerOf(await ask(payer, 'zlib.write', [0, 'gzip', null, 'none'])).value, [stream, false]);
  t.strictSame(failureOf(await ask(payer, 'zlib.write', [0, 'gzip', null, 'none'])), [
    'QuotaExceededError',
    undefined,
  ]);
  answerOf(await ask(payer, 'zlib.close', [1]));
  answerOf(await ask(payer, 'zlib.close', [1]));
  answerOf(await ask(payer, 'zlib.write', [0, 'gzip', null, 'none']));
  closeTab(payer);
  t.strictSame(failureOf(await ask(payer, 'zlib.write', [2, 'gzip', null, 'none'])), [
    'TypeError',
    undefined,
  ]);
});

void t.test('zlib: settings and formats that make no sense are refused', async (t) => {
  const payer = createPayer(1e9);
  for (const format of ['zip', null, 7, ['gzip'], '__proto__'])
    t.strictSame(failureOf(await ask(payer, 'zlib', [format, null, null])), ['NotSupportedError', undefined]);
  for (const settings of [
    { level: 10 },
    { level: 1.5 },
    { windowBits: 16 },
    { memLevel: '8' },
    { quality: 12 },
  ])
    t.strictSame(failureOf(await ask(payer, 'zlib', ['gzip', settings, null])), ['RangeError', undefined]);
});
