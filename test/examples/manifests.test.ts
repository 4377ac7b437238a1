import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { parse } from 'jsonc-parser';
import t from 'tap';

const folder = join(import.meta.dirname, '../../examples');
const schemaFile = join(import.meta.dirname, '../../host/deploy/islet.schema.json');

await t.test('examples: each manifest keeps to the published schema and points at it', async (t) => {
  const validate = new Ajv().compile(JSON.parse(readFileSync(schemaFile, 'utf8')) as object);
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.filter((each) => each.isDirectory())) {
    const file = join(folder, entry.name, 'islet.json');
    const manifest = parse(await readFile(file, 'utf8')) as { $schema: string };
    t.ok(validate(manifest), `${entry.name}: ${JSON.stringify(validate.errors)}`);
    t.equal(resolve(folder, entry.name, manifest.$schema), schemaFile);
    t.match(await readFile(join(folder, entry.name, 'README.md'), 'utf8'), `examples/${entry.name}`);
  }
});
