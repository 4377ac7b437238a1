import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HostError } from '#runtime/errors.ts';
import { AdminClient } from './client.ts';
import type { Arguments } from './arguments.ts';
import type { Context } from './verb.ts';
import { UsageError } from './usage-error.ts';

export const defaultDir = '.islet';
const defaultAdmin = 'http://127.0.0.1:8788';

/**
 * The host a verb talks to. Address: `--admin`, ISLET_ADMIN, what the host of the data directory wrote into
 * `host.json`, else port 8788 here. Token: `--token`, ISLET_TOKEN, the file `token` of the data directory.
 */
export async function openClient(args: Arguments, context: Context): Promise<AdminClient> {
  const dir = resolve(context.cwd, args.text('dir') ?? defaultDir);
  const given = args.text('admin') ?? notEmpty(context.env['ISLET_ADMIN']);
  const url = parseUrl(given ?? (await readHostUrl(dir)) ?? defaultAdmin);
  const token = args.text('token') ?? notEmpty(context.env['ISLET_TOKEN']) ?? (await readToken(dir));
  return new AdminClient({ url, token, signal: context.signal });
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new UsageError(`--admin ${text} is not an address; use one such as ${defaultAdmin}`);
}

/** Undefined when no host wrote one. */
async function readHostUrl(dir: string): Promise<string | undefined> {
  try {
    const { adminUrl } = JSON.parse(await readFile(join(dir, 'host.json'), 'utf8')) as { adminUrl?: unknown };
    return typeof adminUrl === 'string' ? adminUrl : undefined;
  } catch {
    return undefined;
  }
}

async function readToken(dir: string): Promise<string> {
  const file = join(dir, 'token');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new HostError(
      'ERR_UNAUTHORIZED',
      `Cannot read the admin token ${file} (${(cause as NodeJS.ErrnoException).code}); ` +
        'start `islet host` here first, or name its directory with --dir, or give --token',
      { cause },
    );
  }
}

function notEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
