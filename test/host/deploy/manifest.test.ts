import t from 'tap';
import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { HostError } from '#runtime/errors.ts';
import { defaultCaps, defaultLimits, leastLimits, limitNames } from '#runtime/limits.ts';
import { mergeManifests, parseManifest, parseOverrides } from '#host/deploy/manifest.ts';
import { manifestKeys } from '#host/deploy/manifest-rules.ts';
import { routePattern } from '#host/deploy/routes.ts';
import type { Binding } from '#runtime/binding.ts';
import { bad, good } from './manifest-table.ts';

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly pattern?: string;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}

const schemaFile = new URL('../../../host/deploy/islet.schema.json', import.meta.url);
const schema = JSON.parse(await readFile(schemaFile, 'utf8')) as Schema;

function problemsOf(text: string, context = {}): readonly string[] {
  try {
    parseManifest(text, 'islet.json', context);
    return [];
  } catch (error) {
    t.ok(error instanceof HostError && error.code === 'ERR_MANIFEST', String(error));
    return (error as HostError).message.split('\n').slice(1);
  }
}

const place = /^islet\.json:(\d+):(\d+): /;

function placesOf(text: string): readonly string[] {
  return problemsOf(text).map((line) => place.exec(line)?.slice(1).join(':') ?? line);
}

await t.test('manifest: parser and schema agree', async (t) => {
  const validate = new Ajv({ allErrors: true, strict: true }).compile(schema);
  for (const manifest of good) {
    const text = JSON.stringify(manifest);
    t.same(problemsOf(text), [], `parser takes ${text}`);
    t.equal(validate(manifest), true, `schema takes ${text}`);
  }
  for (const manifest of bad) {
    const text = JSON.stringify(manifest);
    t.not(problemsOf(text).length, 0, `parser refuses ${text}`);
    t.equal(validate(manifest), false, `schema refuses ${text}`);
  }
});

await t.test('manifest: schema and parser know the same keys, limits and patterns', async (t) => {
  t.same(Object.keys(schema.properties), manifestKeys);
  const limits = schema.properties['limits']?.properties ?? {};
  t.same(Object.keys(limits), limitNames);
  for (const name of limitNames) {
    t.match(limits[name], {
      minimum: leastLimits[name],
      maximum: defaultCaps[name],
      default: defaultLimits[name],
    });
  }
  t.equal(schema.properties['routes']?.items?.oneOf?.[0]?.pattern, routePattern);
  for (const [key, property] of Object.entries({ ...schema.properties, ...limits })) {
    t.type(property.description, 'string', `${key} is described`);
  }
});

await t.test('manifest: comments, trailing commas and a byte order mark are fine', async (t) => {
  const text = '\uFEFF{\n  // the shop\n  "name": "shop", /* and */ "vars": { "A": "1", },\n}';
  t.same(parseManifest(text, 'islet.json'), { name: 'shop', vars: { A: '1' } });
});

await t.test('manifest: every problem is told with line and column, in order', async (t) => {
  const text = '{\n  "limts": {},\n  "limits": { "cpuMs": 0, "wallMS": 5 },\n  "minWarm": "x"\n}';
  t.same(placesOf(text), ['2:3', '3:15', '3:27', '4:3']);
  t.same(placesOf('{\n "name": "a",\n "name": "b" }'), ['3:2'], 'a key given twice');
  t.same(
    placesOf('{ "vars": {"A": "x"},\n "bindings": { "A": { "kind": "kv" } } }'),
    ['2:16'],
    'a shadowed var',
  );
});

await t.test('manifest: the nearest key is offered, and none for a word of another kind', async (t) => {
  t.match(problemsOf('{ "rouets": [] }')[0], /"routes"/);
  t.match(problemsOf('{ "limits": { "memory": 8 } }')[0], /"memoryMb"/);
  t.match(problemsOf('{ "wasm": { "protocl": "cgi" } }')[0], /1:13: .*"protocol"/);
  t.match(problemsOf('{ "wasm": { "protocol": "event" } }')[0], /1:13: .*"events"/);
  t.notMatch(problemsOf('{ "compatibility_date": "" }')[0], /did you mean/);
});

await t.test('manifest: what is no JSON is refused with its place', async (t) => {
  for (const text of ['', '{', '{ "name": }', '{ name: "a" }', "{ 'name': 1 }", '{} {}', '{"a":1 "b":2}']) {
    const lines = problemsOf(text);
    t.not(lines.length, 0, text);
    for (const line of lines) t.match(line, place);
  }
});

await t.test('manifest: hostile text is refused, not a crash', async (t) => {
  t.not(problemsOf('['.repeat(500_000)).length, 0);
  t.not(problemsOf(`"${'x'.repeat(2 ** 20)}"`).length, 0);
  t.not(problemsOf('{ "__proto__": { "name": "x" } }').length, 0);
  t.not(problemsOf('{ "vars": { "__proto__": "x" } }').length, 0);
  t.not(problemsOf('{ "bindings": { "__proto__": { "kind": "kv" } } }').length, 0);
  t.equal(({} as { name?: string }).name, undefined);
});

await t.test("manifest: the host's caps rule over the default ones", async (t) => {
  const caps = { ...defaultCaps, cpuMs: 100 };
  t.same(problemsOf('{ "limits": { "cpuMs": 100 } }', { caps }), []);
  t.equal(problemsOf('{ "limits": { "cpuMs": 101 } }', { caps }).length, 1);
});

await t.test('manifest: bindings are held to the kinds there are and to their own rules', async (t) => {
  const strict: Binding = {
    kind: 'kv',
    parse(config) {
      if (Object.keys(config as object).length > 0) throw new TypeError('no keys here');
      return {};
    },
    attach() {
      throw new Error('a manifest attaches nothing');
    },
  };
  const kinds = new Map([['kv', strict]]);
  t.same(problemsOf('{ "bindings": { "A": { "kind": "kv" } } }', { kinds }), []);
  t.match(problemsOf('{ "bindings": { "A": { "kind": "kw" } } }', { kinds }), [/1:24: .*"kv"/]);
  t.match(problemsOf('{ "bindings": { "A": { "kind": "kv", "x": 1 } } }', { kinds }), [/1:17: no keys here/]);
});

await t.test('manifest: overrides win, and join limits, vars and bindings key by key', async (t) => {
  const base = parseManifest('{ "name": "a", "minWarm": 1, "vars": { "A": "1", "B": "2" } }', 'islet.json');
  const merged = mergeManifests(base, parseOverrides({ name: 'b', vars: { B: '3' }, limits: { cpuMs: 9 } }));
  t.match(merged, { name: 'b', minWarm: 1, vars: { A: '1', B: '3' }, limits: { cpuMs: 9 } });
  const wasm = mergeManifests(
    parseOverrides({ wasm: { reuse: 2 } }),
    parseOverrides({ wasm: { args: ['a'] } }),
  );
  t.same(wasm.wasm, { reuse: 2, args: ['a'] });
  t.throws(() => parseOverrides({ nme: 'b' }), { code: 'ERR_MANIFEST' });
  const over = parseOverrides({ bindings: { A: { kind: 'kv' } } });
  t.throws(() => mergeManifests(base, over), { code: 'ERR_MANIFEST' }, 'a binding over a var');
});
