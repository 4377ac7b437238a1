import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { nodeModuleNames } from '#host/deploy/node-modules.ts';
import { openTestHost } from '#test/support/host.ts';

/** By module: exports of Node's that the module of a function lacks. Why: runtime/node/README.md. */
const absent = JSON.parse(await readFile(join(import.meta.dirname, 'node-absent.json'), 'utf8')) as Readonly<
  Record<string, readonly string[]>
>;

const program = [
  ...nodeModuleNames.map((name, i) => `import * as m${i} from 'node:${name}';`),
  `const all = { ${nodeModuleNames.map((name, i) => `'${name}': m${i}`).join()} };`,
  `const named = (value) => [...new Set([...Object.keys(value), ...Object.getOwnPropertyNames(value)])];
   export default { fetch: () => Response.json(Object.fromEntries(Object.entries(all).map(
     ([name, { default: whole, ...rest }]) => [name, {
       names: Object.keys(rest), whole: named(whole), same: Object.keys(rest).filter((key) => whole[key] === rest[key]),
     }]))) };`,
].join('\n');

interface Names {
  readonly names: readonly string[];
  readonly whole: readonly string[];
  readonly same: readonly string[];
}

await t.test('node modules: what one lacks of Node’s is on the list, and nothing else', async (t) => {
  const { host } = await openTestHost(t, { cells: 1 });
  const manifest = { limits: { cpuMs: 2000, startupCpuMs: 5000 } };
  await host.deploy({ files: { 'index.js': program } }, { name: 'names', manifest });
  const response = await host.fetch('names', new Request('http://guest/'));
  const found = (await response.json()) as Readonly<Record<string, Names>>;
  t.same(Object.keys(absent).sort(), [...nodeModuleNames], 'every module has its list');
  for (const name of nodeModuleNames) {
    const { names, whole, same } = found[name] ?? { names: [], whole: [], same: [] };
    const node = Object.keys((await import(`node:${name}`)) as object);
    // Names that begin with "_" are Node's own affair.
    const lacks = node.filter(
      (key) => !/^(?:_.*|default|module\.exports)$/.test(key) && !names.includes(key),
    );
    t.same(
      lacks.filter((key) => !absent[name]?.includes(key)),
      [],
      `${name}: the list names all that is absent`,
    );
    t.same(
      absent[name]?.filter((key) => names.includes(key) || whole.includes(key)),
      [],
      `${name}: what the list names is absent, from the default export too`,
    );
    t.same(names, same, `${name}: the default export has every named one`);
  }
});
