import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '#runtime/wasm/addon.ts';
import type { Native } from '#runtime/wasm/native.ts';
import type { Probe } from './isolation.ts';

/**
 * The program of the child process that `islet doctor` starts as a cell is started: tries what a cell must not be
 * able to do, and prints a Probe. Never imported.
 */
const isolate = tryOut(() => {
  const { Isolate } = createRequire(import.meta.url)('isolated-vm') as {
    Isolate: new (options: object) => {
      createContextSync(): { evalSync(code: string): unknown };
      dispose(): void;
    };
  };
  const isolate = new Isolate({ memoryLimit: 8 });
  const sum = isolate.createContextSync().evalSync('1 + 1');
  isolate.dispose();
  if (sum !== 2) throw new Error(`1 + 1 is ${String(sum)}`);
});
const addon = loadAddon();
const wasm = addon.ok ? toWasm(addon.native) : addon.reason;
// As runtime/cell-main.ts does once everything is loaded.
if ('drop' in process.permission) process.permission.drop('fs');
const report: Probe = {
  isolate,
  wasm,
  files: tryAll([() => readdirSync('/'), () => readFileSync(fileURLToPath(import.meta.url))]),
  writing: tryOut(() => writeFileSync(join(tmpdir(), `islet-doctor-${process.pid}`), '', { flag: 'wx' })),
  processes: tryOut(() => spawnSync(process.execPath, ['--version'])),
  network: await tryConnect(),
};
process.stdout.write(JSON.stringify(report));

/** Which addon it is, and whether an engine of the usual size gets its pool. */
function toWasm(native: Native): Probe['wasm'] {
  try {
    const engine = new native.Engine({ workers: 1, slots: 128, maxMemoryMb: 1024 }, () => undefined);
    const { pooled } = engine;
    engine.close();
    return { sourceHash: native.sourceHash(), pooled };
  } catch (error) {
    return toCode(error);
  }
}

/** Null when it worked, else the code it was refused with. */
function tryOut(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    return toCode(error);
  }
}

/** Null when any of them worked. */
function tryAll(actions: readonly (() => unknown)[]): string | null {
  const codes = actions.map(tryOut);
  return codes.includes(null) ? null : (codes[0] ?? null);
}

/** A port nobody listens on: refused by Node or by the machine, the codes differ. */
function tryConnect(): Promise<string | null> {
  return new Promise((resolve) => {
    try {
      const socket = connect(9, '127.0.0.1');
      socket.on('error', (error) => resolve(toCode(error)));
      socket.on('connect', () => {
        socket.destroy();
        resolve(null);
      });
    } catch (error) {
      resolve(toCode(error));
    }
  });
}

function toCode(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
