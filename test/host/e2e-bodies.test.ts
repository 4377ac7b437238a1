import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';

const MB = 2 ** 20;

/** Resident memory of this process, which holds host and client, and of its cells. */
class MemoryWatch {
  readonly #test: TestHost;
  #before = 0;
  growth = 0;

  constructor(test: TestHost) {
    this.#test = test;
  }

  async start(): Promise<void> {
    this.#before = await this.#total();
  }

  async look(): Promise<void> {
    this.growth = Math.max(this.growth, (await this.#total()) - this.#before);
  }

  async #total(): Promise<number> {
    const { cells } = await this.#test.host.health();
    return cells.reduce((sum, cell) => sum + cell.rssBytes, process.memoryUsage.rss());
  }
}

t.setTimeout(240_000);

await t.test('bodies: 1 GB through a guest that pipes it takes no memory to speak of', async (t) => {
  const test = await openTestHost(t);
  const most = 2 ** 31;
  const limits = { requestBodyBytes: most, responseBodyBytes: most, cpuMs: 300_000, wallMs: 60_000 };
  await test.deployGuest('pipes', 'pipes-body.js', { limits });
  await test.request('/pipes/', { method: 'POST', body: 'starts the instance' });
  const warmUp = await pipe(test, 32 * MB);
  t.equal(warmUp.bytes, 32 * MB);
  const watch = new MemoryWatch(test);
  await watch.start();
  const { bytes, sum, sent } = await pipe(test, 1024 * MB, () => watch.look());
  t.equal(bytes, 1024 * MB, 'all of it came back');
  t.equal(sum, sent, 'unchanged and in order');
  t.comment(`memory grew by ${Math.round(watch.growth / MB)} MB at the most`);
  t.ok(watch.growth < 200 * MB, `host and cells stay under 200 MB more, ${watch.growth} bytes`);
  const usage = (await test.host.usage('pipes'))[0];
  t.equal(usage?.bytesIn, 1056 * MB + 19);
  t.equal(usage?.bytesOut, 1056 * MB + 19);
});

await t.test('bodies: a cold call gets its streamed body', async (t) => {
  const test = await openTestHost(t);
  for (const text of ['', 'first', 'x'.repeat(1_000_000)]) {
    await test.deployGuest('pipes', 'pipes-body.js', {
      vars: { LENGTH: `${text.length}` },
      limits: { wallMs: 5000 },
    });
    const client = test.client();
    client.send('POST /pipes/ HTTP/1.1', 'host: x', 'transfer-encoding: chunked', 'connection: close');
    if (text !== '') client.write(text.length.toString(16), text, '');
    client.write('0', '', '');
    const { status, body } = await client.response();
    t.equal(status, 200);
    t.ok(body === text, `${text.length} bytes came back, ${body.length}`);
  }
});

await t.test('bodies: a reader that stops makes the writer wait, all the way through', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('pipes', 'pipes-body.js', { limits: { cpuMs: 10_000 } });
  await test.request('/pipes/');
  const { socket } = test.client().send('POST /pipes/ HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
  socket.pause();
  const { sent, stalled } = await writeUntilStalled(socket);
  t.ok(stalled, 'the writer was made to wait');
  t.ok(sent < 32 * MB, `after ${sent} bytes`);
  const received = countUntilEnd(socket);
  socket.write('0\r\n\r\n');
  t.ok((await received) > sent, 'all of it comes once the reader goes on');
});

/** Sends `bytes` bytes with a running number in each piece, and adds up what comes back. */
function pipe(
  test: TestHost,
  bytes: number,
  look?: () => Promise<void>,
): Promise<{ bytes: number; sum: number; sent: number }> {
  const piece = 256 * 1024;
  let sent = 0;
  function* pieces(): Generator<Buffer> {
    for (let at = 0; at < bytes; at += piece) {
      const buffer = Buffer.alloc(piece);
      buffer.writeUInt32LE(at / piece, 0);
      sent = digest(sent, buffer);
      yield buffer;
    }
  }
  return new Promise((resolve, reject) => {
    const headers = { 'transfer-encoding': 'chunked' };
    const request = httpRequest(`${test.url}/pipes/`, { method: 'POST', headers, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      const read = async (): Promise<void> => {
        let sum = 0;
        let count = 0;
        let rest: Buffer = Buffer.alloc(0);
        let looked = 0;
        for await (const chunk of response as AsyncIterable<Buffer>) {
          count += chunk.length;
          rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
          for (; rest.length >= piece; rest = rest.subarray(piece)) sum = digest(sum, rest);
          if (look === undefined || count - looked < 64 * MB) continue;
          looked = count;
          await look();
        }
        resolve({ bytes: count, sum, sent });
      };
      read().catch(reject);
    });
    Readable.from(pieces(), { objectMode: false, highWaterMark: piece }).pipe(request);
  });
}

/** Depends on the order of the pieces. */
function digest(sum: number, piece: Buffer): number {
  return (Math.imul(sum, 31) + piece.readUInt32LE(0) + 1) >>> 0;
}

/** Writes chunks until none is taken for two seconds: what is on its way fills every buffer then. */
async function writeUntilStalled(socket: Socket): Promise<{ sent: number; stalled: boolean }> {
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
  for (let sent = 65_536; sent <= 64 * MB; sent += 65_536) {
    if (socket.write(chunk)) continue;
    const drained = once(socket, 'drain').then(() => true);
    if (!(await Promise.race([drained, sleep(2000, false)]))) return { sent, stalled: true };
  }
  return { sent: 64 * MB, stalled: false };
}

/** Bytes on the wire up to the end of the chunked body. Rejects when the connection ends before that. */
function countUntilEnd(socket: Socket): Promise<number> {
  const end = '\r\n0\r\n\r\n';
  let count = 0;
  let tail = '';
  return new Promise((resolve, reject) => {
    socket.on('data', (text: string) => {
      count += text.length;
      tail = (tail + text).slice(-end.length);
      if (tail === end) resolve(count);
    });
    socket.on('close', () => reject(new Error(`closed after ${count} bytes`)));
    socket.resume();
  });
}
