import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { TaskReply } from './tasks.ts';

/** Which core a program runs on. `server` and `load` are never the same one. */
export type Place = 'server' | 'load';

export interface ProgramOptions {
  readonly place: Place;
  /** Node's own flags. */
  readonly flags?: readonly string[];
}

const cores: Readonly<Record<Place, string>> = { server: '0', load: '1' };

/** True when programs can be pinned: taskset is here and there are two cores to tell apart. */
export function canPin(): boolean {
  if (availableParallelism() < 2) return false;
  return spawnSync('taskset', ['-c', '0,1', process.execPath, '--version']).status === 0;
}

/** A task that takes longer has hung: the bench says so instead of waiting for ever. */
const longestTaskMs = 180_000;

/** A program of the bench in a process of its own, which children it starts share the core with. */
export class Program {
  readonly #child: ChildProcess;
  readonly #waiting: Map<number, (reply: TaskReply) => void> = new Map();
  readonly #exited: Promise<unknown>;
  #next = 1;

  /** `name` is a file of this folder without its extension. */
  static open(name: string, options: ProgramOptions & { readonly pin: boolean }): Program {
    const file = fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
    const node = [process.execPath, ...(options.flags ?? []), file];
    const [command = '', ...rest] = options.pin ? ['taskset', '-c', cores[options.place], ...node] : node;
    return new Program(spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }), name);
  }

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    child.on('message', (reply: TaskReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    this.#exited = once(child, 'exit').then(([code, signal]) => {
      for (const [id, reply] of this.#waiting) reply({ id, error: `${name} ended with ${code ?? signal}` });
      this.#waiting.clear();
    });
  }

  /** Runs one task; rejects with the stack of the program's own error. */
  async call<Result>(task: string, input: unknown = null): Promise<Result> {
    const id = this.#next++;
    const reply = await new Promise<TaskReply>((resolve) => {
      const error = `no answer within ${longestTaskMs / 1000} s`;
      const timer = setTimeout(() => resolve({ id, error }), longestTaskMs);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#child.send({ id, task, input }, (error) => {
        if (error !== null) this.#waiting.get(id)?.({ id, error: error.message });
      });
    });
    if (reply.error !== undefined) throw new Error(`${task}: ${reply.error}`);
    return reply.result as Result;
  }

  /** Ends the program; resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }
}
