import { execFile } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cellFlags } from '#host/cells/process.ts';

/** One thing that stands between a guest and the machine. */
export interface Layer {
  readonly level: 'L0' | 'L1' | 'L2';
  readonly name: string;
  /** `absent`: this version of islet does not have it. */
  readonly state: 'yes' | 'no' | 'absent';
  readonly detail: string;
  /** Its absence lowers no level. */
  readonly optional?: true;
}

export interface Machine {
  /** The highest level all of whose layers hold, and those below. */
  readonly level: 'L0' | 'L1' | 'L2';
  readonly layers: readonly Layer[];
}

/** What probe.ts reports from inside. A string is the code something was refused with, null that it was not. */
export interface Probe {
  readonly isolate: string | null;
  /** Why there is no WebAssembly, where there is none. */
  readonly wasm: { readonly sourceHash: string; readonly pooled: boolean } | string;
  readonly files: string | null;
  readonly writing: string | null;
  readonly processes: string | null;
  readonly network: string | null;
}

const later = 'not available in this version';
const networkHint = '; the permission model of Node 25 and newer does';

/** Tries each layer of DESIGN's isolation levels in a child process that is started as a cell is. */
export async function inspectMachine(): Promise<Machine> {
  const probe = await runProbe();
  const layers: readonly Layer[] = [
    { level: 'L0', name: 'Node', state: 'yes', detail: process.versions.node },
    { level: 'L0', name: 'V8', state: 'yes', detail: process.versions.v8 },
    isolateLayer(probe),
    wasmLayer(probe),
    permission(probe, 'files', 'reading files'),
    permission(probe, 'writing', 'writing files'),
    permission(probe, 'processes', 'starting processes'),
    permission(probe, 'network', 'network'),
    { level: 'L2', name: 'no_new_privs', state: 'absent', detail: later },
    { level: 'L2', name: 'Landlock', state: 'absent', detail: later },
    { level: 'L2', name: 'seccomp', state: 'absent', detail: later },
    { level: 'L2', name: 'memory cgroup', state: 'absent', detail: later },
  ];
  return { level: levelOf(layers), layers };
}

function levelOf(layers: readonly Layer[]): Machine['level'] {
  const holds = (level: Layer['level']): boolean =>
    layers.every((layer) => layer.level !== level || layer.state === 'yes' || layer.optional === true);
  if (!holds('L0') || !holds('L1')) return 'L0';
  return holds('L2') ? 'L2' : 'L1';
}

function isolateLayer(probe: Probe | string): Layer {
  const failed = typeof probe === 'string' ? probe : probe.isolate;
  const detail = failed === null ? 'an isolate ran a script in a child process' : `no isolate: ${failed}`;
  return { level: 'L0', name: 'isolated-vm', state: failed === null ? 'yes' : 'no', detail };
}

/** JavaScript runs without it. */
function wasmLayer(probe: Probe | string): Layer {
  const layer = { level: 'L0', name: 'WebAssembly', optional: true } as const;
  if (typeof probe === 'string') return { ...layer, state: 'absent', detail: `not tried: ${probe}` };
  const { wasm } = probe;
  if (typeof wasm === 'string') return { ...layer, state: 'absent', detail: wasm };
  const memory = wasm.pooled
    ? 'pooled memories'
    : 'memories on demand, slower to start: address space is short';
  return { ...layer, state: 'yes', detail: `addon ${wasm.sourceHash.slice(0, 12)}, ${memory}` };
}

function permission(
  probe: Probe | string,
  what: Exclude<keyof Probe, 'isolate' | 'wasm'>,
  words: string,
): Layer {
  const code = typeof probe === 'string' ? null : probe[what];
  const refused = code === 'ERR_ACCESS_DENIED';
  const hint = what === 'network' && typeof probe !== 'string' ? networkHint : '';
  const detail = refused ? `refused with ${code}` : `not refused by Node${hint}`;
  return { level: 'L1', name: words, state: refused ? 'yes' : 'no', detail };
}

/** The probe's report, or what went wrong in one line. */
function runProbe(): Promise<Probe | string> {
  const program = fileURLToPath(new URL(`./probe${extname(import.meta.url)}`, import.meta.url));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...cellFlags(), '--no-warnings', program],
      { cwd: '/', env: {}, timeout: 30_000, encoding: 'utf8' },
      (error, stdout, stderr) => {
        try {
          resolve(JSON.parse(stdout) as Probe);
        } catch {
          const words = stderr.split('\n').find((line) => /error/i.test(line));
          resolve(words ?? error?.message ?? 'the child process said nothing');
        }
      },
    );
  });
}
