import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

/** Runs here and in the isolate: Node's TextDecoder is the oracle. */
function decodeAll(Decoder: typeof TextDecoder, label: string, bytes: number[]): unknown {
  const out: unknown[] = [];
  for (const options of [{}, { ignoreBOM: true }, { fatal: true }]) {
    try {
      const whole = new Decoder(label, options).decode(new Uint8Array(bytes));
      const decoder = new Decoder(label, options);
      let streamed = '';
      for (const byte of bytes) streamed += decoder.decode(new Uint8Array([byte]), { stream: true });
      streamed += decoder.decode();
      out.push([whole, streamed, decoder.encoding, decoder.fatal, decoder.ignoreBOM]);
    } catch (error) {
      out.push((error as Error).name);
    }
  }
  return out;
}

void t.test('TextDecoder: whole and byte by byte as in Node', async (t) => {
  const cases: [string, number[]][] = [];
  const texts = [
    [],
    [0x61],
    [0xc3, 0xa9],
    [0xef, 0xbb, 0xbf, 0x61],
    [0xf0, 0x9f, 0x92, 0xa9],
    [0xff],
    [0xc3],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x61],
    [0xff, 0xfe, 0x61, 0],
    [0x3d, 0xd8, 0xa9, 0xdc],
    [0x3d, 0xd8],
  ];
  for (const label of ['utf-8', 'UTF8', 'utf-16le', 'utf-16be', 'nonsense'])
    for (const bytes of texts) cases.push([label, bytes]);
  const program = `const all = ${decodeAll.toString()}; return ${JSON.stringify(cases)}.map(([l, b]) => all(TextDecoder, l, b))`;
  const ours = (await guest.run(program)) as unknown[];
  for (const [index, [label, bytes]] of cases.entries())
    t.strictSame(ours[index], decodeAll(TextDecoder, label, bytes), `${label} ${String(bytes)}`);
});

void t.test('TextEncoder: encode and encodeInto', async (t) => {
  const program = `const e = new TextEncoder(); const into = (text, size) => { const b = new Uint8Array(size); const r = e.encodeInto(text, b); return [r.read, r.written, [...b]] };
    return [[...e.encode('aé\\ud800')], [...e.encode()], e.encoding, into('aé💩', 8), into('aé💩', 6), into('aé', 2), into('', 1)]`;
  t.strictSame(await guest.run(program), [
    [0x61, 0xc3, 0xa9, 0xef, 0xbf, 0xbd],
    [],
    'utf-8',
    [4, 7, [0x61, 0xc3, 0xa9, 0xf0, 0x9f, 0x92, 0xa9, 0]],
    [2, 3, [0x61, 0xc3, 0xa9, 0, 0, 0]],
    [1, 1, [0x61, 0]],
    [0, 0, [0]],
  ]);
});

void t.test('TextEncoderStream and TextDecoderStream: characters split over chunks survive', async (t) => {
  const program = `const out = []; const text = 'é💩'.split('');
    const s = ReadableStream.from(text).pipeThrough(new TextEncoderStream());
    const bytes = new TransformStream({ transform(chunk, c) { for (const b of chunk) c.enqueue(new Uint8Array([b])) } });
    for await (const part of s.pipeThrough(bytes).pipeThrough(new TextDecoderStream())) out.push(part);
    return out.join('')`;
  t.equal(await guest.run(program), 'é💩');
});

void t.test(
  'TextDecoder: multi-byte encodings, longer than the cell takes at once, whole and in pieces',
  async (t) => {
    const program = `const syllable = [0xb0, 0xa1], bytes = new Uint8Array(70_001).fill(0x61);
    for (let at = 1; at < 70_001; at += 2) bytes.set(syllable, at);
    const whole = new TextDecoder('ks_c_5601-1987').decode(bytes);
    const decoder = new TextDecoder('euc-kr'); let pieces = '';
    for (let at = 0; at < bytes.length; at += 20_001) pieces += decoder.decode(bytes.subarray(at, at + 20_001), { stream: true });
    pieces += decoder.decode();
    const shifted = new TextDecoder('iso-2022-jp').decode(new Uint8Array([0x1b, 0x24, 0x42, 0x25, 0x46]));
    const names = []; for (const fatal of [true, false]) try { names.push(new TextDecoder('big5', { fatal }).decode(new Uint8Array([0x81]))) } catch (e) { names.push(e.name) }
    return [whole.length, whole === pieces, whole === 'a' + '가'.repeat(35_000), decoder.encoding, shifted, names]`;
    const names = ['TypeError', '\ufffd'];
    t.strictSame(await guest.run(program), [35_001, true, true, 'euc-kr', 'テ', names]);
  },
);

/** Runs here and in the isolate. */
function base64(decode: typeof atob, encode: typeof btoa, text: string): unknown {
  const attempt = (run: (text: string) => string): unknown => {
    try {
      return run(text);
    } catch (error) {
      return [(error as Error).name, (error as { code?: unknown }).code];
    }
  };
  return [attempt(decode), attempt(encode)];
}

void t.test('atob and btoa: forgiving as in Node', async (t) => {
  const texts = [
    '',
    'YQ==',
    'YQ=',
    'YQ',
    'Y',
    'YWI=',
    'YWJj',
    ' Y W\tJ\nj\f\r',
    'YQ= =',
    '====',
    'YQ===',
    '=YQ=',
    'YWJjZA',
    'a-_b',
    'ab\u00a0',
    'é',
    '\u0100',
    '\0\xff',
    'YR==',
    'null',
    '12',
    'ab/=',
    'ab+/',
  ];
  const program = `const run = ${base64.toString()}; return ${JSON.stringify(texts)}.map((x) => run(atob, btoa, x))`;
  // Taken from an object, since the global functions are deprecated in Node's types.
  const { atob: decode, btoa: encode } = globalThis;
  const expected = texts.map((text) => base64(decode, encode, text));
  t.strictSame(await guest.run(program), expected);
  const older = await openWebIsolate({
    before: 'delete Uint8Array.fromBase64; delete Uint8Array.prototype.toBase64',
  });
  t.teardown(() => older.dispose());
  t.strictSame(await older.run(program), expected, 'on a V8 that has no base64 of its own');
});

/** The single-byte encodings of the standard (9), and those of more bytes with a word of theirs. */
const singleByte = [
  ...[2, 3, 4, 5, 6, 7, 8, '8-i', 10, 13, 14, 15, 16].map((part) => `iso-8859-${part}`),
  ...[874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => `windows-${page}`),
  'ibm866',
  'koi8-r',
  'koi8-u',
  'macintosh',
  'x-mac-cyrillic',
];
const multiByte: readonly (readonly [string, readonly number[], string])[] = [
  ['gbk', [0xc4, 0xe3, 0xba, 0xc3, 0x80], '你好€'],
  ['gb18030', [0xc4, 0xe3, 0x94, 0x39, 0xda, 0x33, 0x84, 0x31, 0xa4, 0x37], '你💩\ufffd'],
  ['big5', [0xa7, 0x41, 0xa6, 0x6e], '你好'],
  ['euc-jp', [0xc6, 0xfc, 0x8e, 0xb1, 0x8f, 0xb0, 0xa1], '日ｱ丂'],
  ['shift_jis', [0x93, 0xfa, 0xb1], '日ｱ'],
  ['iso-2022-jp', [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x1b, 0x28, 0x42, 0x61], '日a'],
  ['euc-kr', [0xc7, 0xd1], '한'],
];

void t.test('TextDecoder: every byte of every single-byte encoding', async (t) => {
  const program = `return ${JSON.stringify(singleByte)}.map((label) => [new TextDecoder(label).encoding, new TextDecoder(label).decode(Uint8Array.from({ length: 256 }, (_, i) => i))])`;
  const ours = (await guest.run(program)) as readonly (readonly [string, string])[];
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const [i, label] of singleByte.entries())
    t.same(ours[i], [label, new TextDecoder(label).decode(bytes)], label);
});

void t.test('TextDecoder: the other legacy encodings, and x-user-defined', async (t) => {
  const labels = multiByte.map(([label, bytes]) => [label, bytes]);
  const program = `return ${JSON.stringify(labels)}.map(([label, bytes]) => [new TextDecoder(label).encoding, new TextDecoder(label).decode(new Uint8Array(bytes))])`;
  t.same(
    await guest.run(program),
    multiByte.map(([label, , text]) => [label, text]),
  );
  const rest = `const codes = (label) => [...new TextDecoder(label).decode(new Uint8Array([0x7f, 0x80, 0xff]))].map((letter) => letter.codePointAt(0));
    const refused = (() => { try { new TextDecoder('replacement') } catch (error) { return error.name } })();
    return [codes('x-user-defined'), refused]`;
  t.same(await guest.run(rest), [[0x7f, 0xf780, 0xf7ff], 'RangeError']);
});
