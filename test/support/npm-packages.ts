import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

/** Programs from npm that are run as functions, and the packages they are made of. */
export const packagesFolder: string = join(import.meta.dirname, '../guests/packages');

/**
 * Installs them beside the programs, from their own lock file, where that has not been done; 190 MB that nobody needs but
 * this test. Gives why they cannot be had, or undefined.
 */
export async function installPackages(): Promise<string | undefined> {
  const marker = join(packagesFolder, 'node_modules', '.package-lock.json');
  const lock = join(packagesFolder, 'package-lock.json');
  if (existsSync(marker) && isSame(marker, lock)) return undefined;
  try {
    const { NODE_OPTIONS: _, ...env } = process.env;
    await promisify(execFile)('npm', ['ci', '--ignore-scripts'], {
      cwd: packagesFolder,
      env,
      timeout: 180_000,
      shell: process.platform === 'win32',
    });
    return undefined;
  } catch (error) {
    return `npm ci in test/guests/packages: ${String(error).split('\n')[0] ?? ''}`;
  }
}

/** Whether what is installed is what the lock file names. */
function isSame(installed: string, wanted: string): boolean {
  const versions = (file: string): string => {
    const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
      packages: Record<string, { readonly version?: string; readonly optional?: boolean }>;
    };
    const rows = Object.entries(packages).filter(([path, { optional }]) => path !== '' && optional !== true);
    return JSON.stringify(rows.map(([path, { version }]) => `${path}@${version ?? ''}`).sort());
  };
  return versions(installed) === versions(wanted);
}
