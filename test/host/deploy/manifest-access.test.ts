import t from 'tap';
import { formatManifest, mergeManifests, parseManifest, parseOverrides } from '#host/deploy/manifest.ts';
import type { Manifest } from '#host/deploy/manifest-rules.ts';
import { HostError } from '#runtime/errors.ts';

const auth = { AUTH: { kind: 'auth' } };

function parse(manifest: unknown): Manifest {
  return parseManifest(JSON.stringify(manifest), 'islet.json');
}

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    t.ok(error instanceof HostError && error.code === 'ERR_MANIFEST', String(error));
    return (error as Error).message;
  }
  return '';
}

/** Line and column of each problem, and what it is about. */
function problemsOf(text: string): readonly string[] {
  return refusalOf(() => parseManifest(text, 'islet.json'))
    .split('\n')
    .slice(1);
}

await t.test(
  'access: what is written becomes rules, the only auth binding is meant where none is named',
  async (t) => {
    const { routes, access } = parse({
      bindings: { ...auth, KV: { kind: 'kv' } },
      auth: { roles: ['user', 'user'] },
      routes: [
        'www.example.com/*',
        { pattern: 'API.example.com/*', auth: 'required' },
        { pattern: '/login', auth: 'none' },
        { pattern: '/api/*', binding: 'AUTH', roles: ['admin'] },
        { pattern: 'plain.example.com/*' },
      ],
    });
    t.same(routes, ['www.example.com/*', 'api.example.com/*', 'plain.example.com/*']);
    t.same(access, [
      { pattern: '/*', auth: 'required', binding: 'AUTH', roles: ['user'] },
      { pattern: 'api.example.com/*', auth: 'required', binding: 'AUTH', roles: [] },
      { pattern: '/login', auth: 'none', binding: '', roles: [] },
      { pattern: '/api/*', auth: 'required', binding: 'AUTH', roles: ['admin'] },
    ]);
  },
);

await t.test('access: a rule without a binding to ask is refused where it stands', async (t) => {
  t.match(problemsOf('{\n  "auth": "required"\n}'), [/^islet\.json:2:3: .*kind "auth"/]);
  const two = '"bindings": { "A": { "kind": "auth" }, "B": { "kind": "auth" } }';
  t.match(problemsOf(`{ ${two},\n "auth": "required" }`), [/^islet\.json:2:2: several/]);
  t.match(problemsOf(`{ ${two},\n "auth": { "binding": "C" } }`), [
    /^islet\.json:2:12: there is no binding "C"/,
  ]);
  t.match(
    problemsOf(
      '{ "bindings": { "KV": { "kind": "kv" }, "A": { "kind": "auth" } },\n "routes": [{ "pattern": "/x", "binding": "KV" }] }',
    ),
    [/^islet\.json:2:\d+: binding "KV" is of kind "kv"/],
  );
  t.match(problemsOf('{ "routes": [{ "pattern": "/x" }] }'), [/who may call/]);
  t.match(problemsOf('{ "routes": [{ "pattern": "/x", "auth": "none", "roles": ["a"] }] }'), [
    /nobody is asked/,
  ]);
  t.match(
    problemsOf(
      '{ "routes": [{ "pattern": "/a/../b", "auth": "none" }, { "pattern": "//a", "auth": "none" }] }',
    ),
    [/is not a route/, /is not a route/],
  );
  t.match(problemsOf('{ "routes": ["a.example/*", { "pattern": "a.example/*", "auth": "none" }] }'), [
    /given twice/,
  ]);
  t.match(problemsOf('{ "bindings": { "A": { "kind": "auth" } }, "auth": { "mod": "none" } }'), [/"mode"/]);
});

await t.test(
  'access: overrides take the place of rules, and may bring the binding or the rule',
  async (t) => {
    const join = (base: unknown, over: unknown): Manifest => {
      const given = parseOverrides(over);
      return mergeManifests(parseManifest(JSON.stringify(base), 'islet.json', { over: given }), given);
    };
    const whole = { pattern: '/*', auth: 'required', binding: 'AUTH', roles: [] };
    t.same(join({ auth: 'required' }, { bindings: auth }).access, [whole]);
    t.same(join({ bindings: auth }, { auth: 'required' }).access, [whole]);
    const api = { pattern: '/api/*', auth: 'required', binding: 'AUTH', roles: [] };
    const base = { bindings: auth, auth: 'required', routes: [{ pattern: '/api/*', auth: 'required' }] };
    t.same(join(base, {}).access, [whole, api]);
    t.same(join(base, { auth: 'none' }).access, [api, { ...whole, auth: 'none', binding: '' }]);
    t.same(join(base, { routes: [] }).access, [whole], 'routes go with their rules');
    t.match(
      refusalOf(() => join({}, { auth: 'required' })),
      /options\.manifest\.auth: .*kind "auth"/,
    );
  },
);

await t.test('access: a manifest that is written out reads the same again', async (t) => {
  const manifests = [
    { bindings: auth, auth: 'required' },
    { bindings: { ...auth, B: { kind: 'auth' } }, auth: { mode: 'optional', binding: 'B', roles: ['x'] } },
    { auth: 'none', routes: ['a.example/*', { pattern: 'b.example/*', auth: 'none' }] },
    { bindings: auth, routes: [{ pattern: '/x', roles: ['admin'] }, 'a.example/*'] },
    { routes: ['a.example/*'] },
    {},
  ];
  for (const manifest of manifests) {
    const parsed = parse(manifest);
    const again = parseManifest(formatManifest(parsed), 'islet.json');
    t.same(new Set(again.routes), new Set(parsed.routes));
    t.same(again.access, parsed.access);
    t.same(again.bindings, parsed.bindings);
  }
});
