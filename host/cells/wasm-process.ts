import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseCompileReport, type CompileReport } from '#runtime/wasm/compile-report.ts';
import { cellFlags } from './process.ts';

/** What compiling one module may take. */
export interface CompileBounds {
  readonly wallMs: number;
  /** CPU of all its threads. */
  readonly cpuMs: number;
  /** RSS of the process. */
  readonly memoryBytes: number;
}

/** How a compiling process ended. */
export type CompileEnd =
  | Exclude<CompileReport, { readonly kind: 'exceeded' }>
  | { readonly kind: 'exceeded'; readonly limit: 'wall' | 'cpu' | 'memory' }
  /** It ended without a report: `words` is what it wrote to stderr. */
  | { readonly kind: 'died'; readonly words: string };

export interface CompileWork {
  /** Absent: only says which addon there is. */
  readonly module?: Uint8Array;
  /** Descriptor the artifact is written to; its opener closes it. */
  readonly artifact?: number;
  readonly bounds: CompileBounds;
  readonly signal: AbortSignal;
}

/** How often memory is looked at from outside, in ms; the process itself looks more often. */
const watchMs = 50;
/** Added to what the process allows itself, so that its own word comes first. */
const outerBytes = 256 * 2 ** 20;
/** Niceness: a deployment waits, calls do not. */
const priority = 5;
const longestReport = 2 ** 20;
const keptWords = 4096;

/**
 * Runs one compiling process to its end: started as a cell is, with no environment, no disk, no network, no children.
 * Resolves however it ended; never rejects. It is killed, by its id, when it goes over a bound or the signal aborts.
 */
export async function runCompiler(work: CompileWork): Promise<CompileEnd> {
  const { bounds, module, artifact = 'ignore', signal } = work;
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`../../runtime/wasm/compile-main.${extension}`, import.meta.url));
  const mode = module === undefined ? ['describe'] : ['compile', `${bounds.memoryBytes}`, `${bounds.cpuMs}`];
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...cellFlags(), program, ...mode], {
      cwd: '/',
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', artifact],
      windowsHide: true,
    });
  } catch (error) {
    return { kind: 'died', words: String(error) };
  }
  let limit: 'wall' | 'memory' | undefined;
  const kill = (why: typeof limit): void => {
    limit ??= why;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => kill(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  const late = setTimeout(() => kill('wall'), bounds.wallMs);
  const watch = setInterval(() => {
    void rssOf(child.pid).then((bytes) => {
      if (bytes > bounds.memoryBytes + outerBytes) kill('memory');
      return;
    });
  }, watchMs);
  if (signal.aborted) kill(undefined);
  yieldToOthers(child.pid);
  try {
    const { text, words } = await conversation(child, module);
    return toEnd(text, limit, words);
  } finally {
    clearTimeout(late);
    clearInterval(watch);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Sends the module, and gathers what the process says until it has ended. */
function conversation(
  child: ChildProcess,
  module: Uint8Array | undefined,
): Promise<{ readonly text: string; readonly words: string }> {
  let text = '';
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    words = (words + piece).slice(-keptWords);
  });
  const channel = child.stdio[3] as Socket | undefined;
  channel?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    if (text.length > longestReport) child.kill('SIGKILL');
  });
  // It may end while the module is on its way.
  channel?.on('error', () => undefined);
  if (module !== undefined) channel?.write(module);
  channel?.end();
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ text: '', words: error.message }));
    child.on('close', () => resolve({ text, words: words.trim() }));
  });
}

function toEnd(text: string, limit: 'wall' | 'memory' | undefined, words: string): CompileEnd {
  if (limit !== undefined) return { kind: 'exceeded', limit };
  try {
    if (text.endsWith('\n')) return parseCompileReport(text);
  } catch {
    // What is no report is none.
  }
  return { kind: 'died', words };
}

/** Bytes, 0 where there is no /proc. */
async function rssOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

function yieldToOthers(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, priority);
  } catch {
    // It has ended already, or may not be told: then it competes.
  }
}
