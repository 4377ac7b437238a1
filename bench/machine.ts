import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import process from 'node:process';
import { isletVersion } from '#host/version.ts';
import type { Machine } from './report.ts';

/** The machine, but for its load. */
export function describeMachine(): Omit<Machine, 'loadBefore' | 'loadAfter'> {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    release: release(),
  };
}

/** Load average of the last minute; 0 where the system keeps none. */
export function currentLoad(): number {
  return loadavg()[0] ?? 0;
}

/** islet's own, and of everything a figure depends on. */
export function listVersions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const versionOf = (name: string): string => {
    const { version } = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')) as {
      version: string;
    };
    return version;
  };
  return {
    islet: isletVersion(),
    node: process.versions.node,
    v8: process.versions.v8,
    sqlite: process.versions.sqlite ?? 'none',
    'isolated-vm': versionOf('isolated-vm'),
  };
}
