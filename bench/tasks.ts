import process from 'node:process';

/** One task of a bench program: takes what the driver sent, gives what goes back. Both are JSON. */
export type Task = (input: never) => unknown;

/** What crosses between driver and program, both ways. */
export interface TaskCall {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
}

export interface TaskReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Serves tasks over the IPC channel of a program the driver started (programs.ts); ends when the driver has gone. */
export function serveTasks(tasks: Readonly<Record<string, Task>>): void {
  process.on('message', (call: TaskCall) => {
    void answer(tasks, call).then((reply) => process.send?.(reply));
  });
  process.on('disconnect', () => process.exit());
}

async function answer(tasks: Readonly<Record<string, Task>>, call: TaskCall): Promise<TaskReply> {
  const { id } = call;
  try {
    const task = tasks[call.task];
    if (task === undefined) throw new TypeError(`This program has no task ${JSON.stringify(call.task)}`);
    return { id, result: await task(call.input as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
