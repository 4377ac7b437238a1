import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('form: entries, files and their names', async (t) => {
  const program = `const f = new FormData(); f.append('a', 1); f.append('a', 'x'); f.append('b', new Blob(['z'], { type: 't/t' }));
    f.append('c', new File(['q'], 'q.txt', { lastModified: 7 })); f.append('d', new File(['q'], 'q.txt'), 'other.txt');
    const shown = [...f].map(([k, v]) => [k, typeof v === 'string' ? v : [v.name, v.type, v.size, v.lastModified]]);
    f.set('a', 'only'); f.delete('b');
    return [shown, f.getAll('a'), f.get('none'), f.has('b'), [...f.keys()]]`;
  t.strictSame(await guest.run(program), [
    [
      ['a', '1'],
      ['a', 'x'],
      ['b', ['blob', 't/t', 1, 5000]],
      ['c', ['q.txt', '', 1, 7]],
      ['d', ['other.txt', '', 1, 5000]],
    ],
    ['only'],
    null,
    false,
    ['a', 'c', 'd'],
  ]);
});

void t.test('form: multipart goes out as HTML says', async (t) => {
  const program = `const f = new FormData(); f.append('n"\\n', 'a\\nb'); f.append('file', new File(['é'], 'a"\\r.txt', { type: 'text/x' }));
    const r = new Response(f); const type = r.headers.get('content-type'); const boundary = type.split('boundary=')[1];
    return [type.replace(boundary, 'B'), (await r.text()).replaceAll(boundary, 'B'), boundary.length > 20]`;
  t.strictSame(await guest.run(program), [
    'multipart/form-data; boundary=B',
    '--B\r\nContent-Disposition: form-data; name="n%22%0D%0A"\r\n\r\na\r\nb\r\n' +
      '--B\r\nContent-Disposition: form-data; name="file"; filename="a%22%0D.txt"\r\nContent-Type: text/x\r\n\r\né\r\n--B--\r\n',
    true,
  ]);
});

void t.test('form: multipart comes back as it went', async (t) => {
  const program = `const f = new FormData(); const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    f.append('é "quoted"', 'v\\r\\n--x'); f.append('empty', ''); f.append('bin', new File([bytes], '한글 "x".bin', { type: 'a/b' }));
    const back = await new Response(f).formData(); const file = back.get('bin');
    return [back.get('é "quoted"'), back.get('empty'), file.name, file.type, [...await file.bytes()].every((b, i) => b === i), file.size]`;
  t.strictSame(await guest.run(program), ['v\r\n--x', '', '한글 "x".bin', 'a/b', true, 256]);
});

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
const bodies: readonly (readonly [string, string, string, unknown])[] = [
  [
    'urlencoded',
    'application/x-www-form-urlencoded; charset=utf-8',
    'a=1+2&b=%C3%A9&c',
    [
      ['a', '1 2'],
      ['b', 'é'],
      ['c', ''],
    ],
  ],
  [
    'quoted boundary',
    'multipart/form-data; boundary="B B"',
    crlf('--B B\nContent-Disposition: form-data; name=a\n\n1\n--B B--'),
    [['a', '1']],
  ],
  [
    'preamble and epilogue',
    'Multipart/Form-Data; Boundary=B',
    crlf('hello\n--B\ncontent-disposition:form-data;name="a"\n\n1\n--B--\nrest'),
    [['a', '1']],
  ],
  ['no parts', 'multipart/form-data; boundary=B', '--B--\r\n', []],
  [
    'escaped quotes',
    'multipart/form-data; boundary=B',
    crlf('--B\nContent-Disposition: form-data; name="a\\"b"\n\n\n--B--\n'),
    [['a"b', '']],
  ],
  ['no boundary', 'multipart/form-data', '--B--\r\n', 'TypeError'],
  [
    'no end',
    'multipart/form-data; boundary=B',
    crlf('--B\nContent-Disposition: form-data; name="a"\n\n1\n'),
    'TypeError',
  ],
  [
    'no name',
    'multipart/form-data; boundary=B',
    crlf('--B\nContent-Disposition: form-data\n\n1\n--B--'),
    'TypeError',
  ],
  [
    'not form-data',
    'multipart/form-data; boundary=B',
    crlf('--B\nContent-Disposition: attachment; name="a"\n\n1\n--B--'),
    'TypeError',
  ],
  ['empty multipart', 'multipart/form-data; boundary=B', '', 'TypeError'],
  ['another type', 'text/plain', 'a=1', 'TypeError'],
];
for (const [name, type, body, expected] of bodies) {
  void t.test(`form: ${name}`, async (t) => {
    const program = `const headers = { 'content-type': ${JSON.stringify(type)} };
      try { return [...await new Response(${JSON.stringify(body)}, { headers }).formData()] } catch (e) { return e.name }`;
    t.strictSame(await guest.run(program), expected);
  });
}

void t.test('blob: parts, slices, type and endings', async (t) => {
  const program = `const b = new Blob(['ab', new Uint8Array([99, 100]), new Blob(['e']), 5], { type: 'TEXT/Plain' });
    const file = new File(['x\\r\\ny\\rz'], 'n', { endings: 'native' });
    return [b.size, b.type, await b.text(), await b.slice(1, -1, 'a/b').text(), b.slice(1, 2, 'A/B').type, b.slice(4, 2).size,
      await file.text(), file instanceof Blob, new Blob([], { type: 'é' }).type, (await new Response(b.stream()).bytes()).length]`;
  t.strictSame(await guest.run(program), [
    6,
    'text/plain',
    'abcde5',
    'bcde',
    'a/b',
    0,
    'x\ny\nz',
    true,
    '',
    6,
  ]);
});

for (const source of [
  'new Blob("x")',
  'new Blob({})',
  'new Blob(null)',
  'new Blob([], { endings: "x" })',
  'new File([])',
  'new FormData({})',
  'new FormData().append("a", "b", "c")',
]) {
  void t.test(`form: ${source} is a TypeError`, async (t) => {
    t.equal(await guest.run(`try { ${source}; return 'made' } catch (e) { return e.name }`), 'TypeError');
  });
}
