import { spawnSync } from 'node:child_process';

/** A real disk of so much (mount's `size`) at `dir`; why not, where this user may mount none. */
export function mountSmallDisk(dir: string, size: string): string | undefined {
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'islet-test', dir], {
    encoding: 'utf8',
  });
  return mount.status === 0 ? undefined : (mount.stderr || String(mount.error)).trim();
}
