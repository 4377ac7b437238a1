import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

/** Runs here and in the isolate. */
function useParams(Params: typeof URLSearchParams, init: unknown): unknown {
  try {
    const p = new Params(init as string);
    const before = [...p];
    p.append('z', 'é ~*');
    p.append('a', '1');
    p.set('a', 'A');
    p.sort();
    const text = p.toString();
    p.delete('z', 'no');
    const kept = p.has('z');
    p.delete('z');
    return [before, text, kept, p.has('z'), p.has('a', 'A'), p.getAll('a'), p.get('none'), p.size];
  } catch (error) {
    return (error as Error).name;
  }
}

void t.test('params: behave as in Node', async (t) => {
  const inits = [
    '',
    '?a=1&a=2',
    'a=1&&b&=c&%',
    'x=%F0%9F%92%A9&y=%ff+',
    '\u{1f4a9}=é',
    [
      ['a', 'b'],
      ['a', 'c'],
    ],
    { a: 'b', c: 1 },
    [['a']],
    [1],
    null,
    5,
  ];
  const program = `const use = ${useParams.toString()}; return ${JSON.stringify(inits)}.map((init) => use(URLSearchParams, init))`;
  t.strictSame(
    await guest.run(program),
    inits.map((init) => useParams(URLSearchParams, init)),
  );
});

void t.test('params: changes write through to the URL', async (t) => {
  const program = `const u = new URL('http://a.b/?x=1#h'); u.searchParams.append('y', 'a b'); const one = u.href;
    u.searchParams.delete('x'); u.searchParams.delete('y'); return [one, u.href, u.search]`;
  t.strictSame(await guest.run(program), ['http://a.b/?x=1&y=a+b#h', 'http://a.b/#h', '']);
});
