import type { IdTable } from '#runtime/id-table.ts';
import type { Sockets } from './socket-budgets.ts';
import type { SharedState } from './services/service.ts';
import { closeTab, ServiceDesk, type Payer, type Tab } from './services/desk.ts';

/** What the cell keeps of one invocation: its budgets and what must be taken back when it ends. */
export interface Invocation extends Payer {
  readonly number: number;
  cpuMs: number;
  /** CPU of WebSocket messages before this one. */
  cpuBeforeMs: number;
  sockets: Sockets | undefined;
  /** CPU seen by ticks in the entry that runs now; replaced by the exact figure when the entry ends. */
  sampledMs: number;
  logBytes: number;
  logLines: number;
  peakBytes: number;
  /** Set once a budget is spent, so that the end names it. */
  over: 'cpuMs' | 'logBytes' | undefined;
  /** The guest has said that nothing follows; waits for the entry to end, so that its CPU is counted whole. */
  finished: boolean;
  /** The line that carried the whole answer, sent together with the end. */
  answer: { readonly json: string; readonly bytes: Uint8Array | undefined } | undefined;
  timers: Map<number, NodeJS.Timeout | NodeJS.Immediate> | undefined;
  /** Work the cell does for it. */
  tab: Tab | undefined;
}

/** Timers one invocation may have running. */
const mostTimers = 10_000;
const longestTimerMs = 2 ** 31 - 1;

export function createInvocation(number: number): Invocation {
  return {
    number,
    cpuMs: 0,
    cpuBeforeMs: 0,
    sockets: undefined,
    sampledMs: 0,
    logBytes: 0,
    logLines: 0,
    peakBytes: 0,
    over: undefined,
    finished: false,
    answer: undefined,
    timers: undefined,
    tab: undefined,
  };
}

/**
 * Starts a guest's timer; `due` is called on this turn of the loop or a later one, never at once. One that repeats is
 * set again by `again`, when the guest has had its turn: what a guest cannot keep up with costs this thread nothing.
 */
export function setTimer(of: Invocation, timer: TimerRequest, due: (again?: () => void) => void): void {
  const timers = (of.timers ??= new Map());
  if (timers.size >= mostTimers) return;
  if (timer.ms === 0 && !timer.repeat) {
    const soon = setImmediate(() => {
      timers.delete(timer.id);
      due();
    });
    stop(timers.get(timer.id));
    timers.set(timer.id, soon);
    return;
  }
  const ms = Math.min(Math.max(timer.ms, 1), longestTimerMs);
  let dueAt = performance.now() + ms;
  const set = (delayMs: number): NodeJS.Timeout => {
    const handle = setTimeout(() => {
      if (!timer.repeat) {
        timers.delete(timer.id);
        return due();
      }
      return due(() => {
        if (timers.get(timer.id) !== handle || of.timers !== timers) return;
        const now = performance.now();
        dueAt = Math.max(dueAt + ms, now + 1);
        timers.set(timer.id, set(dueAt - now));
      });
    }, delayMs);
    return handle;
  };
  stop(timers.get(timer.id));
  timers.set(timer.id, set(ms));
}

export interface TimerRequest {
  readonly id: number;
  readonly ms: number;
  readonly repeat: boolean;
}

export function clearTimer(of: Invocation, id: number): void {
  const handle = of.timers?.get(id);
  if (handle === undefined) return;
  stop(handle);
  of.timers?.delete(id);
}

/** Charges the invocations of a batch: what ticks saw goes to whom they saw, the rest evenly. One alone pays all. */
export function shareOut(
  batch: readonly { readonly invocation: number }[],
  invocations: IdTable<Invocation>,
  { total, sampled }: { readonly total: number; readonly sampled: number },
): void {
  const only = batch[0]?.invocation;
  const isOne = batch.every((message) => message.invocation === only);
  const scale = sampled > total ? total / sampled : 1;
  const each = Math.max(0, total - sampled) / batch.length;
  for (const { invocation } of isOne ? batch.slice(0, 1) : batch) {
    const found = invocations.get(invocation);
    if (found === undefined) continue;
    found.cpuMs += isOne ? total : each + found.sampledMs * scale;
    found.sampledMs = 0;
  }
}

/** Where invocations with so much CPU each have work done; `find` knows those that are not over. */
export function openDesk(
  cpuMs: number,
  shared: SharedState,
  find: (invocation: number) => Invocation | undefined,
): ServiceDesk<Invocation> {
  return new ServiceDesk({ cpuMs, shared, isOpen: (payer) => find(payer.number) === payer });
}

/** The invocation is over: takes back what it still holds. */
export function release(of: Invocation): void {
  clearTimers(of);
  if (of.tab !== undefined) closeTab(of);
}

function clearTimers(of: Invocation): void {
  if (of.timers === undefined) return;
  for (const handle of of.timers.values()) stop(handle);
  of.timers = undefined;
}

function stop(handle: NodeJS.Timeout | NodeJS.Immediate | undefined): void {
  if (handle === undefined) return;
  if ('refresh' in handle) clearTimeout(handle);
  else clearImmediate(handle);
}
