import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cli } from '#test/support/cli.ts';
import type { Ran } from '#test/support/cli.ts';
import { openTestHost } from '#test/support/host.ts';

const json = ({ out }: Ran): unknown => JSON.parse(out);

await t.test('cli: kv export, import and grants on a real host', async (t) => {
  const { host, dir } = await openTestHost(t);
  const cwd = t.testdir();
  const run = (argv: readonly string[], stdin: string | Uint8Array = ''): Promise<Ran> =>
    cli(['kv', ...argv, '--dir', dir], { cwd, stdin });

  await t.test('what is exported goes into another namespace and is the same', async (t) => {
    await host.kv.put('from', 'text', Buffer.from('grüß dich\n'), { metadata: { m: 1 } });
    await host.kv.put('from', 'bytes', Buffer.from([255, 0, 1]), { expirationTtl: 3600 });
    const piped = await run(['export', 'from']);
    t.match(piped, { code: 0, err: /2 entries/ });
    t.equal((await run(['export', 'from', 'out.jsonl'])).code, 0);
    t.equal(await readFile(join(cwd, 'out.jsonl'), 'utf8'), piped.out);
    t.same(json(await run(['export', 'from', 'two.jsonl', '--prefix', 't', '--json'])), { exported: 1 });
    t.match(await run(['import', 'to', 'out.jsonl']), { code: 0, out: '2 written\n' });
    t.equal((await run(['export', 'to'])).out, piped.out);
    t.match(await run(['import', 'to', '--if-absent'], piped.out), {
      code: 0,
      out: '0 written, 2 left alone\n',
    });
    t.same(json(await run(['import', 'to', 'out.jsonl', '--json'])), {
      lines: 2,
      written: 2,
      present: 0,
      expired: 0,
    });
  });

  await t.test('a bad line is named by its number in the file, and the rest goes in after it', async (t) => {
    // Several requests of 2 MiB each: the number is counted through all of them.
    const value = 'x'.repeat(20_000);
    const lines = Array.from({ length: 400 }, (_, index) => JSON.stringify({ key: `k${index}`, value }));
    lines[300] = '{"key":"k300"}';
    await writeFile(join(cwd, 'bad.jsonl'), lines.join('\n'));
    const failed = await run(['import', 'bad', 'bad.jsonl']);
    t.match(failed, { code: 1, err: /line 301: .*--from-line=301 \(ERR_BAD_INPUT\)/ });
    t.equal((await host.kv.list('bad')).keys.length, 300);
    lines[300] = JSON.stringify({ key: 'k300', value });
    await writeFile(join(cwd, 'bad.jsonl'), lines.join('\n'));
    t.match(await run(['import', 'bad', 'bad.jsonl', '--from-line', '301']), {
      code: 0,
      out: '100 written\n',
    });
    t.equal((await host.kv.list('bad')).keys.length, 400);
    const again = await run(['import', 'bad', '--json'], '{"key":"a","value":"b"}\n\nnonsense\n');
    t.match(json(again), { lines: 3, written: 1, failed: { line: 3, code: 'ERR_BAD_INPUT' } });
    t.match(JSON.parse(again.err), { error: { code: 'ERR_BAD_INPUT' } });
  });

  await t.test('an export that breaks off leaves no file of its name', async (t) => {
    const before = await readdir(cwd);
    t.match(await run(['export', 'a:b:c', 'never.jsonl']), { code: 1, err: /ERR_BAD_NAME/ });
    t.same(await readdir(cwd), before);
    t.match(await run(['import', 'to', 'missing.jsonl']), { code: 1, err: /ENOENT/ });
  });

  await t.test('grants are given, listed and taken back', async (t) => {
    t.equal((await run(['grant', 'from', '--to', 'partner', '--read'])).code, 0);
    t.equal((await run(['grant', 'billing:orders', '--to', 'partner'])).code, 0);
    t.same(json(await run(['grants', '--json'])), [
      { namespace: 'billing:orders', to: 'partner', access: 'write' },
      { namespace: 'from', to: 'partner', access: 'read' },
    ]);
    t.match(await run(['grants']), {
      out: /^namespace +to +access\nbilling:orders +partner +write\nfrom +partner +read\n$/,
    });
    t.equal((await run(['revoke', 'billing:orders', '--to', 'partner'])).code, 0);
    t.equal((await host.kv.grants()).length, 1);
    t.match(await run(['grant', 'from']), { code: 2, err: /--to/ });
    t.match(await run(['grant', 'from', '--to', 'No']), { code: 1, err: /ERR_BAD_NAME/ });
  });

  await t.test('a range is listed from its end', async (t) => {
    const ran = await run(['list', 'bad', '--start', 'k397', '--end', 'k4', '--reverse', '--limit', '2']);
    t.equal(ran.out, 'k399\nk398\n');
  });
});
