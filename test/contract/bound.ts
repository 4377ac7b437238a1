import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { openTestHost, temporaryDir } from '#test/support/host.ts';
import type { TestHost, TestResponse } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';

/** One call of a binding: by the JavaScript facade's path and arguments, and by the operation that Python sends. */
export interface BoundCall {
  readonly path: readonly string[];
  readonly args: readonly unknown[];
  readonly operation: readonly [method: string, args: object];
}

/** What the suite must know of one kind of binding: each kind's test supplies these. */
export interface BoundCase {
  /** Of the manifest; names state that functions of one cordon share. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Leaves a trace: one operation, and again it is another or the same. */
  readonly mark: BoundCall;
  readonly look: BoundCall;
  /** True when what `look` gave shows the trace. */
  readonly sees: (value: unknown) => boolean;
  /** Arguments of the wrong type. */
  readonly wrong: BoundCall;
  /** Arguments that are refused with `code`. */
  readonly refused: BoundCall;
  readonly code: string;
}

interface Said {
  readonly value?: unknown;
  readonly missing?: boolean;
  readonly name?: string;
  readonly isTypeError?: boolean;
  readonly code?: string | null;
}

type Shape = 'web' | 'lambda' | 'python';

const python = `from islet import env
import json

def lambda_handler(event, context):
    asked = json.loads(event['body'])
    if 'B' not in env:
        return {'missing': True}
    try:
        value = None
        for _ in range(asked.get('times', 1)):
            value = env.B.call(*asked['operation'])
        return {'value': value}
    except Exception as error:
        return {'name': type(error).__name__, 'isTypeError': isinstance(error, TypeError), 'code': getattr(error, 'code', None)}
`;
const guestFiles = { web: 'calls-binding.js', lambda: 'calls-binding.cjs' } as const;
const service = join(import.meta.dirname, '../support/service.ts');

/** The laws of a binding as functions of every shape have it, over a real host. */
export function boundContract(t: Test, given: BoundCase): void {
  const shapes: readonly Shape[] = [
    'web',
    'lambda',
    ...(withoutAddon === false ? (['python'] as const) : []),
  ];

  // One host for all laws: an interpreter is compiled once.
  void t.test('a function of any shape has it as its manifest says', async (t) => {
    const test = await openTestHost(t);

    await t.test('every shape of function uses it, and cordons share nothing', async (t) => {
      for (const shape of shapes) await deploy(test, shape, shape, { ...bound(given), cordon: shape });
      for (const shape of shapes) {
        t.equal(given.sees((await ask(test, shape, given.look)).value), false, `${shape}: nothing of others`);
        const marked = await ask(test, shape, given.mark);
        t.ok('value' in marked, `${shape}: ${JSON.stringify(marked)}`);
        t.equal(given.sees((await ask(test, shape, given.look)).value), true, `${shape}: its own`);
      }
    });

    await t.test('functions of a cordon that name it share it, one that does not has none', async (t) => {
      await deploy(test, 'lambda', 'other', { ...bound(given), cordon: 'web' });
      await deploy(test, 'web', 'bare', { cordon: 'web' });
      await deploy(test, 'lambda', 'bare-too', { cordon: 'web' });
      t.equal(given.sees((await ask(test, 'other', given.look)).value), true);
      t.same(await ask(test, 'bare', given.look), { missing: true });
      t.same(await ask(test, 'bare-too', given.look), { missing: true });
    });

    await t.test('bad arguments are a TypeError in the guest, other refusals have a code', async (t) => {
      for (const shape of shapes) {
        t.match(await ask(test, shape, given.wrong), { isTypeError: true, code: null }, shape);
        t.match(await ask(test, shape, given.refused), { isTypeError: false, code: given.code }, shape);
      }
    });

    await t.test('the meter is charged for each operation, and the limit ends the call', async (t) => {
      for (const shape of shapes) {
        const limits = { subrequests: 4, cpuMs: 10_000, startupCpuMs: 10_000 };
        const name = `${shape}-limited`;
        await deploy(test, shape, name, { ...bound(given), limits });
        t.ok('value' in (await ask(test, name, given.look, 4)), `${shape}: at the limit`);
        const over = await send(test, name, { ...given.look, times: 5 });
        t.same(
          [over.status, over.headers['x-islet-error']],
          [503, ['ERR_LIMIT_SUBREQUESTS']],
          `${shape}: over`,
        );
        const usage = await test.host.usage(name);
        t.ok(usage.reduce((sum, { operations }) => sum + operations, 0) >= 8, `${shape} is metered`);
        const ends = usage.flatMap(({ outcomes }) => Object.keys(outcomes));
        t.same(ends.toSorted(), ['exceeded:subrequests', 'responded'], shape);
      }
    });
  });

  void t.test('what was acknowledged is there after kill -9', async (t) => {
    const dir = await temporaryDir(t);
    const guest = `calls=${guestFiles.web}=${JSON.stringify(bound(given))}`;
    const child = spawn(process.execPath, [service, JSON.stringify({ dir, cells: 1 }), guest], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    t.teardown(() => child.kill('SIGKILL'));
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const { url } = JSON.parse(line) as { readonly url: string };
    const answer = await fetch(`${url}/calls/`, { method: 'POST', body: JSON.stringify(given.mark) });
    const marked = (await answer.json()) as Said;
    child.kill('SIGKILL');
    t.ok('value' in marked, JSON.stringify(marked));
    await closed;
    const test = await openTestHost(t, { dir });
    t.equal(given.sees((await ask(test, 'calls', given.look)).value), true);
  });
}

function bound({ config }: BoundCase): Readonly<Record<string, unknown>> {
  return { bindings: { B: config } };
}

async function deploy(
  test: TestHost,
  shape: Shape,
  name: string,
  manifest: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  if (shape !== 'python') {
    await test.deployGuest(name, guestFiles[shape], manifest);
    return;
  }
  const limits = { cpuMs: 10_000, startupCpuMs: 10_000 };
  await test.host.deploy({ files: { 'handler.py': python } }, { name, manifest: { limits, ...manifest } });
}

async function ask(test: TestHost, name: string, call: BoundCall, times = 1): Promise<Said> {
  return JSON.parse((await send(test, name, { ...call, times })).text) as Said;
}

function send(test: TestHost, name: string, body: object): Promise<TestResponse> {
  const headers = { 'content-type': 'application/json' };
  return test.request(`/${name}/`, { method: 'POST', headers, body: JSON.stringify(body) });
}
