import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('URLPattern: groups of a path, by text, by members and with a base', async (t) => {
  const program = `const users = new URLPattern({ pathname: '/users/:id(\\\\d+)' });
    const found = users.exec('https://example.com/users/42?x=1');
    const relative = new URLPattern('/files/*', 'https://example.com');
    return [found.pathname.groups.id, found.search.input, users.test({ pathname: '/users/me' }), users.exec('not a url'),
      relative.test('https://example.com/files/a/b'), relative.test('/files/a', 'https://example.com'), relative.hostname,
      new URLPattern({ pathname: '/A' }, { ignoreCase: true }).test({ pathname: '/a' }), users.hasRegExpGroups, relative.hasRegExpGroups]`;
  t.strictSame(await guest.run(program), [
    '42',
    'x=1',
    false,
    null,
    true,
    true,
    'example.com',
    true,
    true,
    false,
  ]);
});

void t.test(
  'URLPattern: arguments are converted once, in order, and refused where they make no sense',
  async (t) => {
    const program = `const order = []; const init = new Proxy({}, { get(_, name) { order.push(name); return undefined } });
    new URLPattern(init);
    const names = [() => new URLPattern('/a'), () => new URLPattern({ pathname: '(' }), () => new URLPattern(Symbol()), () => URLPattern('/a'),
      () => URLPattern.prototype.test.call({}, '/a'), () => new URLPattern({ pathname: { toString() { throw new RangeError() } } })]
      .map((run) => { try { run(); return 'ok' } catch (e) { return e.name } });
    return [order.join(' '), names, String(new URLPattern()), Object.keys(URLPattern.prototype).length]`;
    t.strictSame(await guest.run(program), [
      'baseURL hash hostname password pathname port protocol search username',
      ['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'RangeError'],
      '[object URLPattern]',
      11,
    ]);
  },
);
