import * as fc from 'fast-check';
import t from 'tap';
import { AccessTable } from '#host/front/access.ts';
import type { AccessRule } from '#runtime/deployment.ts';

function rule(pattern: string, auth: AccessRule['auth'], roles: readonly string[] = []): AccessRule {
  return { pattern, auth, binding: auth === 'none' ? '' : 'AUTH', roles };
}

/** What the table says, in one word for each rule: `open`, `ambiguous`, or the patterns to satisfy. */
function say(table: AccessTable, address: string): string {
  const slash = address.indexOf('/');
  const decision = table.decide(address.slice(0, slash) || 'shop.localhost', address.slice(slash));
  if (decision.kind === 'ambiguous') return 'ambiguous';
  return decision.checks.map(({ pattern, auth }) => `${auth} ${pattern}`).join(' + ') || 'open';
}

void t.test('access: the most specific rule applies', async (t) => {
  const table = new AccessTable(
    [
      rule('/*', 'optional'),
      rule('/api/*', 'required'),
      rule('/api/public/*', 'none'),
      rule('/api/public/keys', 'required', ['admin']),
      rule('/login', 'none'),
      rule('/a*', 'none'),
    ],
    [],
  );
  const expected = {
    '/': 'optional /*',
    '/x/y': 'optional /*',
    '/api/': 'required /api/*',
    '/api/users/7': 'required /api/*',
    '/api': 'required /api/*',
    '/api/public/': 'open',
    '/api/public/x': 'open',
    '/api/public/keys': 'required /api/public/keys',
    '/api/public/keys/': 'required /api/public/keys',
    '/api/public/keys/7': 'open',
    '/login': 'open',
    '/login/x': 'optional /*',
    '/apple': 'open',
    '/Apple': 'optional /*',
  };
  for (const [path, said] of Object.entries(expected)) t.equal(say(table, path), said, path);
});

void t.test('access: one rule for everything needs no second look at a path', async (t) => {
  const table = new AccessTable([rule('/*', 'required')], []);
  for (const path of ['/', '/a', '/a%2Fb', '//x', '/%', '/a/%00', `/${'%2e'.repeat(5000)}`])
    t.equal(say(table, path), 'required /*', path.slice(0, 20));
});

void t.test('access: rules of hosts', async (t) => {
  const table = new AccessTable(
    [
      rule('api.example.com/*', 'required'),
      rule('*.example.com/*', 'optional'),
      rule('/admin/*', 'required', ['admin']),
      rule('www.example.com/admin/help', 'none'),
    ],
    ['api.example.com/*', '*.example.com/*', 'www.example.com/*', 'plain.example.org/*'],
  );
  const expected = {
    'api.example.com/x': 'required api.example.com/*',
    'api.example.com./x': 'required api.example.com/*',
    'www.example.com/x': 'optional *.example.com/*',
    'a.b.example.com/x': 'optional *.example.com/*',
    'plain.example.org/x': 'open',
    'plain.example.org/admin/x': 'required /admin/*',
    'api.example.com/admin/x': 'required /admin/*',
    'www.example.com/admin/help': 'open',
    // Built-in addresses lead to the same function: what is checked on a route is checked there.
    'shop.localhost/x': 'required api.example.com/*',
    '127.0.0.1/x': 'required api.example.com/*',
    '[::1]/admin/x': 'required /admin/*',
  };
  for (const [address, said] of Object.entries(expected)) t.equal(say(table, address), said, address);
});

void t.test('access: on a built-in address every route of the same weight has its say', async (t) => {
  const table = new AccessTable(
    [rule('open.example.com/*', 'none'), rule('shut.example.com/*', 'required')],
    ['open.example.com/*', 'shut.example.com/*'],
  );
  t.equal(say(table, 'open.example.com/x'), 'open');
  t.equal(say(table, 'shop.localhost/x'), 'required shut.example.com/*');
});

const tricks = [
  '/%61dmin/x',
  '/admin%2Fx',
  '/admin%2fx',
  '/%2561dmin/x',
  '/admin%252fx',
  '//admin/x',
  '/x//../admin/x',
  '/\\admin/x',
  '/x/..%2fadmin/x',
  '/x/..%5cadmin/x',
  '/x%2f..%2fadmin/x',
  '/x/%252e%252e/admin/x',
  '/x/..;/admin/x',
  '/admin;a=1/x',
  '/admin;/x',
  '/./admin/x',
  '/admin%00/x/',
  '/admin/x%00.png',
  '/%41DMIN/x',
  '/ADMIN%2fx',
  '/%ef%bc%8fadmin/x',
  '/%EF%BD%81dmin/x',
  '/adm%C4%B1n/x',
  '/;a=1/admin/x',
  '/admin%20/x',
  '/%20admin%09/x%0a',
  '/admin%c2%a0/x',
  '/admin%2520/x',
];

void t.test('access: no spelling of a checked path gets by', async (t) => {
  const table = new AccessTable([rule('/admin/*', 'required')], []);
  for (const path of tricks) t.not(say(table, path), 'open', path);
});

void t.test('access: no spelling brings a checked path under a weaker rule', async (t) => {
  const table = new AccessTable([rule('/*', 'required'), rule('/public/*', 'none')], []);
  const weak = [
    '/public/..%2fadmin',
    '/public%2f..%2fadmin',
    '/public/%2e%2e%2fadmin',
    '/public/..;/admin',
    '/public/%252e%252e%252fadmin',
    '/public/..%5cadmin',
    '/public/x/../../admin',
  ];
  for (const path of weak) t.not(say(table, path), 'open', path);
  t.equal(say(table, '/public/a%20b'), 'open', 'an encoding that changes nothing does no harm');
  t.equal(say(table, '/public/100%'), 'open', 'nor does a sign that encodes nothing');
  t.equal(say(table, '/PUBLIC/x'), 'required /*', 'a rule that opens is taken by the letter');
});

void t.test(
  'access: encodings under rules that agree, and patterns with encodings, are no offence',
  async (t) => {
    const table = new AccessTable([rule('/caf%C3%A9/*', 'required'), rule('/other/*', 'none')], []);
    t.equal(say(table, '/caf%C3%A9/x'), 'required /caf%C3%A9/*');
    t.equal(say(table, '/caf%c3%a9/x'), 'required /caf%C3%A9/*');
    t.equal(say(table, '/files/a%2Fb'), 'open');
    t.equal(say(table, '/other/..%2fcaf%C3%A9/x'), 'ambiguous');
    t.equal(say(table, `/${'a'.repeat(2100)}%20`), 'ambiguous', 'too long to read in all its ways');
  },
);

/** `/admin/x`, each character as it is, in the other case, encoded, or encoded twice. */
const spelt = fc
  .tuple(
    ...Array.from('admin/x', (char) =>
      fc.constantFrom(
        char,
        char.toUpperCase(),
        `%${char.charCodeAt(0).toString(16)}`,
        `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
        `%25${char.charCodeAt(0).toString(16)}`,
      ),
    ),
  )
  .chain((chars) =>
    fc
      .tuple(
        fc.constantFrom('/', '//', '/./', '/x/../', '/x/..%2f', '/%2e/', '/;p/', '/%5c', '/x/..;a/'),
        fc.constantFrom('', '/', '/..', '?', ';v=1'),
      )
      .map(([before, after]) => before + chars.join('') + after),
  );

void t.test('access: law: however /admin/x is spelt, it is checked or refused', async (t) => {
  const tables = [
    new AccessTable([rule('/admin/*', 'required')], []),
    new AccessTable([rule('/admin/*', 'required'), rule('/*', 'none')], []),
    new AccessTable([rule('/Admin/*', 'required'), rule('/x/*', 'none')], []),
  ];
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(spelt, (path) => tables.every((table) => say(table, path) !== 'open')),
      { numRuns: 3000 },
    ),
  );
});
