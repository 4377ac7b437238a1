import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

/** An address to the type and text of its answer; null where fetch has a network error. */
const cases: readonly (readonly [string, readonly [string, string] | null])[] = [
  ['data:,a%20b', ['text/plain;charset=US-ASCII', 'a b']],
  ['data:,', ['text/plain;charset=US-ASCII', '']],
  ['data:text/html,<p>#fragment', ['text/html', '<p>']],
  ['data:text/html;base64,SGVsbG8', ['text/html', 'Hello']],
  ['data:text/html;base64,SGVsbG8=', ['text/html', 'Hello']],
  ['data:text/html ; base64 , S G V%20sbG8=', ['text/html', 'Hello']],
  ['data:text/html;base64,S', null],
  ['data:text/html;base64,SGVsbG8==', null],
  ['data:;charset=x,X', ['text/plain;charset=x', 'X']],
  ['data:IMAGE/gif;Charset=x;charset=y,X', ['image/gif;charset=x', 'X']],
  ['data:no type,%GG%4', ['text/plain;charset=US-ASCII', '%GG%4']],
  ['data:text/plain;a="b\\"c",X', ['text/plain;a="b\\"c"', 'X']],
  ['data:text/plain', null],
  ['about:blank', null],
  ['file:///etc/passwd', null],
];

for (const [url, expected] of cases) {
  void t.test(`data-url: ${url} is ${expected === null ? 'refused' : expected.join(' with ')}`, async (t) => {
    const program = `try {
        const { local, method } = web.takeRequest(${JSON.stringify(url)});
        return [local.headers.get('content-type'), await local.text()];
      } catch (error) { return error.name }`;
    t.strictSame(await guest.run(program), expected ?? 'TypeError');
  });
}

void t.test('data-url: the answer is a Response as fetch gives it', async (t) => {
  const program = `const { local } = web.takeRequest('data:,x#y', { method: 'POST', body: 'z' });
    let guarded; try { local.headers.set('a', 'b') } catch (error) { guarded = error.name }
    const head = web.takeRequest('data:,x', { method: 'HEAD' }).local;
    return [local.status, local.statusText, local.type, local.url, local.redirected, guarded, head.body]`;
  t.strictSame(await guest.run(program), [200, 'OK', 'basic', 'data:,x', false, 'TypeError', null]);
});

void t.test('data-url: http addresses need the network', async (t) => {
  t.equal(await guest.run(`return web.takeRequest('http://a.test/').local === undefined`), true);
});
