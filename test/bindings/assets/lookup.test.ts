import * as fc from 'fast-check';
import t from 'tap';
import type { AssetList } from '#bindings/assets/list.ts';
import { Index, toFilePath } from '#bindings/assets/lookup.ts';

const paths = [
  '/index.html',
  '/a.html',
  '/a/b.txt',
  '/docs/index.html',
  '/docs/x/y.js',
  '/__proto__',
  '/é/ö.txt',
];
const list: AssetList = {
  format: 1,
  cache: {},
  headers: {},
  files: paths.map((path) => ({ path, hash: '0'.repeat(64), bytes: 1 })),
};
const index = new Index('site', list);

const segment = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b.txt', 'docs', 'x', 'y.js', 'index.html', 'a.html', '__proto__', 'é'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      '.',
      '..',
      '%2e%2e',
      '%2E',
      '..%2f',
      'a%2fb.txt',
      '%5c',
      '%00',
      'a%00.html',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('%', '%zz', '%ff', '%c3', '%C3%A9', 'e%CC%81', 'constructor', 'a;x=1', '..;'),
  },
  { weight: 1, arbitrary: fc.string() },
);
const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`);

void t.test('lookup: any path is a file of the list or none, and never another way of writing one', (t) => {
  fc.assert(
    fc.property(path, (asked) => {
      const found = index.find(asked);
      const plain = toFilePath(asked);
      if (found.kind === 'none') return true;
      // Whatever is found was asked for by a path without dots, slashes or control characters hidden in it.
      if (
        plain === undefined ||
        plain
          .split('/')
          .slice(1, -1)
          .some((part) => part === '' || /^\.{1,2}$/.test(part))
      )
        return false;
      if (found.kind === 'file')
        return (
          [plain, `${plain}.html`, `${plain}index.html`].includes(found.file.path) &&
          paths.includes(found.file.path)
        );
      const next = index.find(found.path);
      return next.kind === 'file' && found.path.startsWith('/') && !found.path.startsWith('//');
    }),
    { numRuns: 20_000 },
  );
  t.end();
});

void t.test('lookup: every file is found under its own encoded path', (t) => {
  for (const file of paths)
    t.match(index.find(encodeURI(file)), { kind: 'file', file: { path: file } }, file);
  t.same(index.find('/docs'), { kind: 'moved', path: '/docs/' });
  t.same(index.find('/a/'), { kind: 'moved', path: '/a' });
  t.same(index.find('/none/'), { kind: 'none' });
  t.end();
});
