import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

/** Starts a program and runs the timers it waits for, one task after the other. */
async function runWithTasks(program: string): Promise<unknown> {
  const result = guest.run(program);
  const end = result.then(() => true);
  const pause = (): Promise<boolean> => new Promise((next) => setImmediate(next, false));
  while (!(await Promise.race([end, pause()]))) await guest.runTimers();
  return result;
}

const watch = `const read = (blob, start, at) => new Promise((done) => {
  const reader = new FileReader(); const events = [];
  for (const type of ['loadstart', 'progress', 'load', 'abort', 'error', 'loadend'])
    reader.addEventListener(type, (event) => {
      events.push(type + ':' + event.loaded + '/' + event.total + ':' + reader.readyState);
      if (type === at) reader.abort();
      if (type === 'loadend') done([events, reader]);
    });
  start(reader, blob);
});`;

void t.test('file-reader: a read has its events in order, and its result at load', async (t) => {
  const program = `${watch}
    const [events, reader] = await read(new Blob(['abc']), (reader, blob) => reader.readAsText(blob));
    const [empty] = await read(new Blob([]), (reader, blob) => reader.readAsArrayBuffer(blob));
    return [events, reader.result, reader.error, empty]`;
  t.strictSame(await runWithTasks(program), [
    ['loadstart:0/3:1', 'progress:3/3:1', 'load:3/3:2', 'loadend:3/3:2'],
    'abc',
    null,
    ['loadstart:0/0:1', 'load:0/0:2', 'loadend:0/0:2'],
  ]);
});

void t.test('file-reader: an aborted read has no result and does not load', async (t) => {
  const program = `${watch}
    const [events, reader] = await read(new Blob(['abc']), (reader, blob) => reader.readAsText(blob), 'progress');
    return [events, reader.result, reader.readyState]`;
  t.strictSame(await runWithTasks(program), [
    ['loadstart:0/3:1', 'progress:3/3:1', 'abort:0/0:2', 'loadend:0/0:2'],
    null,
    2,
  ]);
});

void t.test('file-reader: one read at a time, of blobs only', async (t) => {
  const program = `const reader = new FileReader(); reader.readAsText(new Blob(['x']));
    const names = [];
    for (const value of [new Blob(['y']), {}]) try { reader.readAsText(value) } catch (error) { names.push(error.name) }
    return names`;
  t.strictSame(await guest.run(program), ['InvalidStateError', 'TypeError']);
});

const packed: readonly (readonly [string, unknown])[] = [
  [`readAsText(new Blob(['h\\u00e9']))`, 'hé'],
  [`readAsText(new Blob([new Uint8Array([0xe9])]), 'latin1')`, 'é'],
  [`readAsText(new Blob([new Uint8Array([0xe9])], { type: 'text/plain;charset=latin1' }))`, 'é'],
  [`readAsText(new Blob([new Uint8Array([0xff, 0xfe, 0x61, 0])]), 'latin1')`, 'a'],
  [`readAsText(new Blob([new Uint8Array([0xef, 0xbb, 0xbf, 0x61])]), 'utf-16le')`, 'a'],
  [`readAsText(new Blob(['x']), 'no such encoding')`, 'x'],
  [`readAsDataURL(new Blob(['Hello'], { type: 'text/x' }))`, 'data:text/x;base64,SGVsbG8='],
  [`readAsDataURL(new Blob([]))`, 'data:application/octet-stream;base64,'],
  [`readAsBinaryString(new Blob([new Uint8Array([0, 255])]))`, '\0ÿ'],
  [`readAsArrayBuffer(new Blob(['ab'])).byteLength`, 2],
];
for (const [call, expected] of packed) {
  void t.test(`file-reader: FileReaderSync, ${call}`, async (t) => {
    t.equal(await guest.run(`return new FileReaderSync().${call}`), expected);
  });
}
