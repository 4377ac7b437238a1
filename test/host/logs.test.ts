import t from 'tap';
import type { LogEntry } from '#host/host.ts';
import { Logs } from '#host/logs.ts';
import { openTestHost } from '#test/support/host.ts';

async function collect(lines: AsyncIterable<LogEntry>): Promise<readonly LogEntry[]> {
  const all: LogEntry[] = [];
  for await (const entry of lines) all.push(entry);
  return all;
}

const entry = (name: string, message: string, at = 0): LogEntry => ({
  at,
  function: name,
  version: 1,
  level: 'log',
  message,
});

void t.test('logs: what is forgotten is gone, others stay, and followers follow on', async (t) => {
  const logs = new Logs();
  logs.add(entry('a', 'old'));
  logs.add(entry('b', 'other'));
  const stop = new AbortController();
  const following = collect(logs.read({ function: 'a', follow: true, tail: 10, signal: stop.signal }));
  await new Promise((resolve) => setImmediate(resolve));
  logs.forget('a');
  logs.forget('never was');
  t.same(await collect(logs.read({ function: 'a', tail: 10 })), []);
  t.match(await collect(logs.read({ tail: 10 })), [{ message: 'other' }]);
  logs.add(entry('a', 'new'));
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  t.match(await following, [{ message: 'old' }, { message: 'new' }]);
});

void t.test('logs: a function that is deleted leaves none to the next one of its name', async (t) => {
  const { host, request, deploy } = await openTestHost(t);
  const says = (word: string): string =>
    `export default { fetch() { console.log('${word}'); return new Response('${word}'); } };`;
  const kept = (): Promise<readonly LogEntry[]> => collect(host.logs({ function: 'shop', tail: 100 }));
  await deploy('shop', says('one'));
  await deploy('shop', says('two'));
  t.equal((await request('/shop@1/')).text, 'one');
  await host.delete('shop', 1);
  t.match(await kept(), [{ message: 'one' }], 'a version that goes leaves its lines');
  await host.delete('shop');
  t.same(await kept(), []);
  await deploy('shop', says('three'));
  t.equal((await request('/shop/')).text, 'three');
  t.match(await kept(), [{ message: 'three' }]);
});
