import type { Invocation, Timer } from './invocation.ts';
import { current } from './invocation.ts';
import {
  NativeError,
  NativeNumber,
  NativeTypeError,
  apply,
  createTable,
  isFiniteNumber,
  max,
  min,
  toText,
  trunc,
} from './primordials.ts';
import { allowedEval } from './harden.ts';
import { Out } from './protocol.ts';
import { report } from './report.ts';

/** HTML keeps delays in 32 bits. */
const longestMs = 2 ** 31 - 1;

interface Entry {
  readonly owner: Invocation;
}

const entries = createTable<Entry>();
let lastId = 0;
const soon = Promise.resolve();

type Callback = (...args: unknown[]) => unknown;

interface Plan {
  readonly where: string;
  readonly callback: unknown;
  readonly delay: unknown;
  readonly args: readonly unknown[];
  readonly repeat: boolean;
}

/** HTML, TimerHandler: what is no function is source text, which the manifest has to allow. */
function toHandler(callback: unknown, where: string): Callback {
  const evaluate = allowedEval();
  if (evaluate === undefined)
    throw new NativeTypeError(`${where} needs a function, not source text or a ${typeof callback}`);
  const source = toText(callback);
  return () => evaluate(source);
}

/** Starts a timer of the current invocation; it ends with it. */
function start(plan: Plan): number {
  const { where, callback, args, repeat } = plan;
  const run = typeof callback === 'function' ? (callback as Callback) : toHandler(callback, where);
  const owner = current;
  if (owner === undefined) {
    throw new NativeError(`${where} is not available at the top level; call it while handling a request`);
  }
  const given = NativeNumber(plan.delay);
  const ms = isFiniteNumber(given) ? min(max(trunc(given), 1), longestMs) : 1;
  const id = ++lastId;
  if (owner.over) return id;
  const timer: Timer = {
    fire() {
      if (!repeat) forget(id);
      try {
        apply(run, globalThis, args);
      } catch (thrown) {
        report(thrown);
      }
    },
    drop() {
      forget(id);
    },
  };
  owner.timers[id] = timer;
  owner.activity++;
  entries[id] = { owner };
  owner.emit(Out.Timer, `[${id},${ms},${repeat ? 1 : 0}]`);
  return id;
}

interface Task {
  readonly run: () => void;
  next: Task | undefined;
}

interface Tasks {
  first: Task | undefined;
  last: Task | undefined;
}

const waiting = createTable<Tasks>();

/**
 * Runs `run` in an entry of its own, soon: a timer of 0 ms of the current invocation, which ends with it. Tasks of an invocation
 * run in order. At the top level, where no entry can follow, it is a microtask.
 */
export function queueTask(run: () => void): void {
  const owner = current;
  if (owner === undefined) {
    void runSoon(run);
    return;
  }
  if (owner.over) return;
  const task: Task = { run, next: undefined };
  const tasks = waiting[owner.number];
  if (tasks === undefined) return openTasks(owner, task);
  if (tasks.last === undefined) tasks.first = task;
  else tasks.last.next = task;
  tasks.last = task;
}

/** One timer at a time, however many tasks wait. */
function openTasks(owner: Invocation, first: Task): void {
  const tasks: Tasks = { first, last: first };
  waiting[owner.number] = tasks;
  const id = ++lastId;
  owner.timers[id] = {
    fire() {
      const task = tasks.first;
      tasks.first = task?.next;
      if (tasks.first === undefined) {
        tasks.last = undefined;
        delete waiting[owner.number];
        forget(id);
      } else owner.emit(Out.Timer, `[${id},0,0]`);
      try {
        task?.run();
      } catch (thrown) {
        report(thrown);
      }
    },
    drop() {
      delete waiting[owner.number];
      forget(id);
    },
  };
  owner.activity++;
  entries[id] = { owner };
  owner.emit(Out.Timer, `[${id},0,0]`);
}

async function runSoon(run: () => void): Promise<void> {
  await soon;
  run();
}

function forget(id: number): Invocation | undefined {
  const owner = entries[id]?.owner;
  if (owner === undefined) return undefined;
  delete entries[id];
  delete owner.timers[id];
  owner.activity--;
  return owner;
}

function clear(given: unknown): void {
  // Web IDL's conversion: Node's timers are objects that are their number.
  const number = NativeNumber(given);
  forget(number)?.emit(Out.ClearTimer, `[${number}]`);
}

export const timerGlobals: {
  readonly setTimeout: (callback: unknown, delay?: unknown, ...args: unknown[]) => number;
  readonly setInterval: (callback: unknown, delay?: unknown, ...args: unknown[]) => number;
  readonly clearTimeout: (id?: unknown) => void;
  readonly clearInterval: (id?: unknown) => void;
} = {
  setTimeout(callback, delay, ...args) {
    return start({ where: 'setTimeout', callback, delay, args, repeat: false });
  },
  setInterval(callback, delay, ...args) {
    return start({ where: 'setInterval', callback, delay, args, repeat: true });
  },
  clearTimeout: (id) => clear(id),
  clearInterval: (id) => clear(id),
};
