// oxlint-disable-next-line import/no-unassigned-import -- what is spawned here may not read tap's loader
import '#test/support/plain-spawn.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cellFlags, deniesNetwork } from '#host/cells/process.ts';
import type { Pipe } from '#runtime/channel.ts';
import { In } from '#runtime/guest/protocol.ts';
import { bodyOf, CellHarness } from '#test/support/cell.ts';
import { command } from '#test/support/wasm-command.ts';
import { compileWasm, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

function pipeOf(socket: Socket): Pipe {
  return {
    write: (bytes) => void socket.write(bytes),
    listen: ({ data, closed }) => void socket.on('data', data).on('close', closed),
    close: () => socket.destroy(),
  };
}

const head = JSON.stringify({
  function: 'f',
  version: 1,
  memoryMb: 64,
  vars: {},
  bindings: [],
  agent: 'islet/test',
});
const limits = { memoryMb: 64, cpuMs: 1000, startupCpuMs: 1000, logBytes: 1000 };

void t.test(
  'sandbox: a cell that runs wasm has no disk, no network, no children',
  { skip: withoutAddon },
  async (t) => {
    const program = fileURLToPath(new URL('../../support/probe-cell.ts', import.meta.url));
    const child = spawn(process.execPath, [...cellFlags(), program], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    const cell = await CellHarness.open({ wasmFolder, inProcess: false }, pipeOf(child.stdio[3] as Socket));
    const wasm = await compileWasm(command());
    cell.load(1, { ...limits, codeId: 'f', sourceBytes: 0, cacheBytes: 0, head, keep: false, wasm });
    const message = { m: 'GET', u: 'http://f/', h: [], b: 0, id: 'id', d: Date.now() + 30_000 };
    cell.send('Begin', 1, `1\n[${In.Request},1,${JSON.stringify(message)},0,0]`);
    t.equal(bodyOf(await cell.wait('Answered', 1)), 'hello', 'the addon works there');
    if (process.platform === 'linux')
      t.match(readFileSync(`/proc/${child.pid ?? 0}/maps`, 'utf8'), /islet-wasm\.node/, 'in that process');

    child.stdin?.write('\n');
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const codes = JSON.parse(line.toString()) as Record<string, string>;
    t.ok(Object.keys(codes).length === 9);
    const network = ['connect', 'send a datagram', 'resolve a name'];
    for (const [attempt, code] of Object.entries(codes)) {
      const open = network.includes(attempt) && !deniesNetwork();
      if (open) t.comment(`not denied by this Node: ${attempt}`);
      else t.equal(code, 'ERR_ACCESS_DENIED', attempt);
    }
  },
);
