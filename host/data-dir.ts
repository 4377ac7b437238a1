import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { HostError } from '#runtime/errors.ts';

/** Files of a data directory. */
export interface DataDir {
  readonly path: string;
  readonly storeFile: string;
  readonly keyFile: string;
  readonly codeCache: string;
  /** Compiled modules and their files, by cordon. */
  readonly wasmCache: string;
  /** Messages that no mail server was there for. Made when it is needed. */
  readonly mail: string;
  /** Bearer token of the admin API; made at the first start. */
  readonly token: string;
  /** Tells the CLI where this host listens. Throws HostError ERR_DATA_DIR. */
  announce(listening: { readonly url: string; readonly adminUrl?: string }): void;
  /** Takes the announcement back. */
  retract(): void;
}

/** Makes the directory (0700) and its token (0600) where they are missing. Throws HostError ERR_DATA_DIR. */
export function openDataDir(path: string): DataDir {
  const file = join(path, 'host.json');
  try {
    makeFolder(path);
    const token = readToken(join(path, 'token'));
    makeFolder(join(path, 'code-cache', 'wasm'));
    return {
      path,
      storeFile: join(path, 'islet.db'),
      keyFile: join(path, 'secrets.key'),
      codeCache: join(path, 'code-cache'),
      wasmCache: join(path, 'code-cache', 'wasm'),
      mail: join(path, 'mail'),
      token,
      announce: (listening) => {
        try {
          writeFileSync(file, `${JSON.stringify({ pid: process.pid, ...listening })}\n`, { mode: 0o600 });
        } catch (cause) {
          rmSync(file, { force: true });
          throw notUsable(path, cause);
        }
      },
      retract: () => rmSync(file, { force: true }),
    };
  } catch (cause) {
    throw cause instanceof HostError ? cause : notUsable(path, cause);
  }
}

/** ERR_DATA_DIR for what the system said about it. */
function notUsable(path: string, cause: unknown): HostError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const remedy =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'free disk space, what is stored is kept'
      : 'give one that this user may write with --dir';
  return new HostError('ERR_DATA_DIR', `Cannot use data directory ${path}: ${message}; ${remedy}`, { cause });
}

function readToken(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token.length >= 32) {
      if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
      return token;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const token = randomBytes(32).toString('base64url');
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return token;
}

/** Makes a folder and those above it. Not `recursive`: on /proc and its like Node 26 tries that for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
