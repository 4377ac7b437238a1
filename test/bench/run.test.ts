// oxlint-disable-next-line import/no-unassigned-import -- imported for its effect
import '#test/support/plain-spawn.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { runBench, type BenchReport } from '#bench/run.ts';
import { parts } from '#bench/options.ts';
import { withoutAddon } from '#test/support/wasm.ts';

/** Every number of a report, with its path. */
function numbersOf(value: unknown, path: string): readonly (readonly [string, number])[] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => numbersOf(entry, `${path}.${key}`));
}

void t.test('bench: a tiny run measures every part and writes JSON and SVG', async (t) => {
  const out = t.testdir();
  const lines: string[] = [];
  const report = await runBench({ size: 'tiny', out, progress: (line) => lines.push(line) });

  for (const part of parts.filter((part) => part !== 'wasm' || withoutAddon === false))
    t.ok(report[part], `${part} was measured`);
  t.ok(lines.length > 0, 'says what it is at');
  const written = JSON.parse(await readFile(join(out, 'islet-bench.json'), 'utf8')) as BenchReport;
  t.same(written, JSON.parse(JSON.stringify(report)), 'the file holds the report');

  const bad = numbersOf(written, '').filter(([path, value]) => !(value >= 0) && !path.includes('over'));
  t.same(bad, [], 'no figure is missing or negative');
  t.equal(written.cold?.phases.length, 8, 'a row for each code, spare and code cache');
  for (const row of written.cold?.phases ?? [])
    t.equal(row.create.p50 === 0, row.spare, 'a spare creates nothing');
  const onSpares = written.cold?.http.find(({ what }) => what === 'after deploy');
  t.equal(onSpares?.spares, onSpares?.cold.count, 'every first request found a spare');
  t.equal(onSpares?.cached, onSpares?.cold.count, 'and a code cache');
  t.equal(written.cold?.http.find(({ what }) => what === 'no spare')?.spares, 0, 'none without spares');
  for (const row of written.warm?.rows ?? []) {
    t.equal(row.errors, 0, `${row.what} answers with 200`);
    t.ok(row.requestsPerSecond > 0, `${row.what} answers`);
  }
  for (const row of written.wasm?.warm ?? []) {
    t.equal(row.errors, 0, `${row.what} answers with 200`);
    t.ok(row.requestsPerSecond > 0, `${row.what} answers`);
  }
  for (const row of written.kv?.rows ?? [])
    t.ok(row.islet > 0 && row.sqlite > 0, `${row.what} on both sides`);

  const svg = await readFile(join(out, 'islet-bench.svg'), 'utf8');
  t.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  t.equal(unclosed(svg), '', 'every element is closed');
  t.notMatch(svg, /NaN|undefined|Infinity/);
});

/** Elements left open at the end, or the first that closes another's; '' of well-formed XML. */
function unclosed(xml: string): string {
  const open: string[] = [];
  for (const [, close, name = '', self] of xml.matchAll(
    /<(\/?)([a-z]+)(?:\s+[\w:-]+="[^"<]*")*\s*(\/?)>/gi,
  )) {
    if (close === '/' && open.pop() !== name) return name;
    if (close === '' && self === '') open.push(name);
  }
  const rest = xml.replaceAll(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/gi, '');
  return rest.includes('<') ? 'a stray <' : open.join(' ');
}
