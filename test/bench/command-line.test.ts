import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { parseCommandLine } from '#bench/options.ts';

const program = fileURLToPath(import.meta.resolve('#bench/run.ts'));

void t.test('bench: words become options', async (t) => {
  t.same(parseCommandLine([]), { options: { size: 'full' }, json: false, help: false });
  t.same(parseCommandLine(['--quick', '--only', 'warm,kv', '--out', 'x', '--json']), {
    options: { size: 'quick', only: ['warm', 'kv'], out: 'x' },
    json: true,
    help: false,
  });
});

void t.test('bench: a part or a flag that does not exist is refused', async (t) => {
  t.throws(() => parseCommandLine(['--only', 'cold,luke']), TypeError);
  t.throws(() => parseCommandLine(['--fast']), TypeError);
  await t.rejects(promisify(execFile)(process.execPath, [program, '--only', 'luke']), { code: 2 });
});

void t.test('bench: the program explains itself', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--help']);
  t.match(stdout, '--quick');
});
