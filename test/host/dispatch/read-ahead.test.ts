import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CellClient } from '#host/cells/cell-client.ts';
import { CodeCache } from '#host/cells/code-cache.ts';
import { WasmCache } from '#host/cells/wasm-cache.ts';
import { WasmCompiler } from '#host/cells/wasm-compiler.ts';
import { HostInstance } from '#host/dispatch/host-instance.ts';
import { usual } from '#host/dispatch/start-texts.ts';
import { Starter } from '#host/dispatch/starter.ts';
import type { Target } from '#host/registry.ts';
import { Channel, memoryPipes } from '#runtime/channel.ts';
import { defaultEgress, type DeploymentId, type FunctionName } from '#runtime/deployment.ts';
import { longestToCell } from '#runtime/frames.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { temporaryDir } from '#test/support/host.ts';

/** A starter on a folder with code caches, and targets that note how often their code was read. */
async function open(t: Test, ids: readonly string[], sourceBytes = 0) {
  const dir = await temporaryDir(t);
  const codeCache = new CodeCache(dir, async () => new Uint8Array([1, 2, 3]));
  const starter = new Starter({
    codeCache,
    wasmCache: new WasmCache(join(dir, 'wasm'), new WasmCompiler()),
    agent: 'test',
    started: () => undefined,
    failed: (error) => t.fail(String(error)),
  });
  const loads: string[] = [];
  const targets = ids.map((id): Target => {
    const source = `export default '${id}'`.padEnd(sourceBytes);
    return {
      deployment: {
        id: id as DeploymentId,
        function: 'x' as FunctionName,
        version: 1,
        limits: defaultLimits,
        bindings: [],
        vars: {},
        cordon: 'x',
        minWarm: 0,
        routes: [],
        access: [],
        egress: defaultEgress,
        createdAt: 0,
      },
      secrets: {},
      key: id,
      load: async () => {
        loads.push(id);
        return { kind: 'script', source };
      },
    };
  });
  for (const target of targets) {
    const code = await target.load();
    await codeCache.make('module', code.kind === 'script' ? code.source : '');
  }
  loads.splice(0);
  return { starter, loads, targets };
}

/** Whether a start is sent in the turn it is asked for. */
function isSentAtOnce(t: Test, starter: Starter, target: Target): boolean {
  const { near, far } = memoryPipes();
  const cell = new Channel(far, longestToCell, {
    frame: () => undefined,
    turn: () => undefined,
    closed: () => undefined,
  });
  const process = { pid: 1, pipe: near, kill: () => undefined, lastWords: () => '' };
  const none = () => undefined;
  const client = new CellClient(process, 'x', { ready: none, condemned: none, closed: none });
  t.teardown(() => cell.close());
  let sent = false;
  starter.load(target, new HostInstance(client, usual), {
    loading: () => {
      sent = true;
    },
    loaded: none,
    notLoaded: none,
    gone: none,
    lost: none,
    log: none,
  });
  return sent;
}

void t.test('read ahead: after a restart a start finds its code in memory', async (t) => {
  const { starter, loads, targets } = await open(t, ['a', 'b', 'c']);
  const [a, b, c] = targets;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three targets');
  await starter.readAhead([a, b], () => true);
  t.same(loads, ['a', 'b']);
  t.equal(isSentAtOnce(t, starter, a), true);
  t.equal(isSentAtOnce(t, starter, c), false, 'what was not read ahead is read then');
  await starter.readAhead([a, b], () => true);
  t.same(loads, ['a', 'b', 'c'], 'and nothing is read twice');
});

void t.test('read ahead: it stops when the host closes, and when 32 MB are there', async (t) => {
  const closing = await open(t, ['a', 'b', 'c']);
  let left = 2;
  await closing.starter.readAhead(closing.targets, () => left-- > 0);
  t.same(closing.loads, ['a', 'b']);
  const large = await open(t, ['a', 'b', 'c', 'd'], 15 * 2 ** 20);
  await large.starter.readAhead(large.targets, () => true);
  t.same(large.loads, ['a', 'b', 'c'], 'the third goes over it, the fourth is left');
});
