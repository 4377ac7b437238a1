import t from 'tap';
import { IdTable } from '#runtime/id-table.ts';
import { createInvocation, type Invocation } from '#runtime/isolate/invocations.ts';
import { noteConnect, noteEnd, noteHead, renewBudgets } from '#runtime/isolate/socket-budgets.ts';

const limits = { cpuMs: 50 };

/** One invocation, number 7, that has used up its budgets. */
function spent(): { found: Invocation; all: IdTable<Invocation> } {
  const all = new IdTable<Invocation>();
  const found = createInvocation(7);
  found.cpuMs = 50;
  found.logBytes = 100;
  found.logLines = 10;
  all.add(7, found);
  return { found, all };
}

const message = (stream: number): { invocation: number; text: string } => ({
  invocation: 7,
  text: `[1,7,${stream},0,12]`,
});

void t.test('socket budgets: a message of an accepted socket brings CPU and log anew', async (t) => {
  const { found, all } = spent();
  noteHead(found, '[101,["x-a","b"],3,null]');
  renewBudgets([message(0)], all, limits);
  t.match(found, { cpuMs: 0, cpuBeforeMs: 50, logBytes: 0, logLines: 0 });
  found.cpuMs = 30;
  renewBudgets([message(0)], all, limits);
  t.match(found, { cpuMs: 0, cpuBeforeMs: 80 }, 'and all of it stays counted');
});

void t.test('socket budgets: messages of one batch have theirs together', async (t) => {
  const { found, all } = spent();
  noteHead(found, '[101,[],3,null]');
  renewBudgets([message(0), message(0), message(0)], all, limits);
  t.equal(found.cpuMs, -100, 'three budgets');
  t.equal(found.cpuMs + found.cpuBeforeMs, 50, 'nothing of what was used is forgotten');
  renewBudgets([message(0)], all, limits);
  t.equal(found.cpuMs, 0, 'and nothing is saved up');
});

void t.test('socket budgets: nothing else does', async (t) => {
  const plain = spent();
  noteHead(plain.found, '[200,[],3,null]');
  renewBudgets([message(0)], plain.all, limits);
  t.equal(plain.found.cpuMs, 50, 'a body that is no socket');
  const { found, all } = spent();
  noteConnect(found, 4);
  renewBudgets([message(5)], all, limits);
  t.equal(found.cpuMs, 50, 'a socket that was opened while a request is answered');
  noteHead(found, '[101,[],3,null]');
  renewBudgets(
    [message(3), { invocation: 7, text: '[8,7,1]' }, { invocation: 9, text: '[1,9,0,0,1]' }],
    all,
    limits,
  );
  t.equal(found.cpuMs, 50, 'other streams, timers, other invocations');
  renewBudgets([message(5)], all, limits);
  t.equal(found.cpuMs, 0, 'one that was opened behind an accepted one');
  found.cpuMs = 50;
  noteEnd(found, 4);
  renewBudgets([message(5)], all, limits);
  t.equal(found.cpuMs, 50, 'until it has ended');
});

void t.test('socket budgets: a second without messages brings them anew for timers', async (t) => {
  const { found, all } = spent();
  noteHead(found, '[101,[],3,null]');
  const timer = { invocation: 7, text: '[8,7,1]' };
  renewBudgets([timer], all, limits);
  t.equal(found.cpuMs, 50, 'not before');
  if (found.sockets !== undefined) found.sockets.renewedAt -= 1000;
  renewBudgets([timer], all, limits);
  t.equal(found.cpuMs, 0);
});
