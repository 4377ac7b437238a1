import { readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseManifest } from '#host/deploy/manifest.ts';
import { isEnvName } from '#host/deploy/manifest-rules.ts';
import { HostError } from '#runtime/errors.ts';
import type { Arguments } from '../arguments.ts';
import { path, RemoteError } from '../client.ts';
import { formatEnv, secretsIn } from '../env-types.ts';
import { openClient } from '../locate.ts';
import { nameSource } from '../source-name.ts';
import { UsageError } from '../usage-error.ts';
import type { Context, Verb } from '../verb.ts';
import { adminFlags } from '../verb.ts';

export const types: Verb = {
  name: 'types',
  summary: 'Write TypeScript types of env from islet.json',
  operands: '[FOLDER]',
  count: { least: 0, most: 1 },
  flags: {
    out: { type: 'string', value: 'FILE', help: 'Where to write. Default: islet-env.d.ts in the folder' },
    secrets: {
      type: 'string',
      value: 'A,B',
      help: 'Names of secrets. Default: those of the deployed function, when a host can be reached',
    },
    name: { type: 'string', value: 'NAME', help: 'The deployed function. Default: as islet deploy names it' },
    dom: { type: 'boolean', help: 'For a project whose tsconfig.json has the library "dom"' },
    check: { type: 'boolean', help: 'Write nothing; exit code 1 when the file is not up to date' },
    ...adminFlags,
  },
  details: [
    'The file declares a global interface Env and brings in the types of the package, islet/types. Where no host can be\n' +
      'reached and --secrets is not given, the secrets that the file has already stay.',
  ],
  examples: ['islet types', 'islet types ./shop --secrets API_KEY,TOKEN', 'islet types --check'],
  async run(args, context) {
    const { terminal } = context;
    const folder = resolve(context.cwd, args.operands[0] ?? '.');
    const file =
      args.text('out') === undefined
        ? join(folder, 'islet-env.d.ts')
        : resolve(context.cwd, args.text('out') ?? '');
    const manifest = parseManifest(await readManifest(folder), 'islet.json');
    const before = await readFile(file, 'utf8').catch(() => undefined);
    const secrets = (await secretNames(folder, args, context)) ?? secretsIn(before ?? '');
    const text = formatEnv(manifest, { secrets, dom: args.is('dom') });
    const shown = relative(context.cwd, file) || file;
    if (args.is('check')) {
      const fresh = before === text;
      if (args.is('json')) terminal.json({ file, fresh });
      else if (fresh) terminal.line(`${shown} is up to date`);
      else terminal.line(`${shown} is not up to date; run \`islet types\``);
      return fresh ? 0 : 1;
    }
    if (before !== text) await writeFile(file, text);
    if (args.is('json')) terminal.json({ file, changed: before !== text });
    else terminal.line(before === text ? `${shown} is up to date` : `${shown} is written`);
    return 0;
  },
};

async function readManifest(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, 'islet.json'), 'utf8');
  } catch (cause) {
    throw new HostError(
      'ERR_SOURCE_NOT_FOUND',
      `Cannot read islet.json in ${folder} (${(cause as NodeJS.ErrnoException).code}); name a folder that has one`,
      { cause },
    );
  }
}

/** Those given, or those of the deployed function; undefined when nobody can say. */
async function secretNames(
  folder: string,
  args: Arguments,
  context: Context,
): Promise<readonly string[] | undefined> {
  const given = args.text('secrets');
  if (given !== undefined) {
    const names = given.split(',').map((name) => name.trim());
    const wrong = names.find((name) => name !== '' && !isEnvName(name));
    if (wrong !== undefined) throw new UsageError(`--secrets ${wrong} is not a name for env`, 'types');
    return names.filter((name) => name !== '');
  }
  const name = await nameSource(folder, args.text('name'));
  try {
    const client = await openClient(args, context);
    const { secrets } = await client.json<{ secrets: string[] }>('GET', path`/v1/functions/${name}/secrets`);
    return secrets;
  } catch (error) {
    if (error instanceof RemoteError && error.code === 'ERR_NO_FUNCTION') return undefined;
    const away = error instanceof HostError && ['ERR_UNREACHABLE', 'ERR_UNAUTHORIZED'].includes(error.code);
    const asked = args.text('admin') ?? args.text('dir') ?? args.text('token');
    if (away && asked === undefined) return undefined;
    throw error;
  }
}
