import { compileFunction } from 'node:vm';
import type { Outcome } from '#runtime/outcome.ts';

type Handler = (event: unknown, context: unknown) => unknown;

/**
 * Runs the `exports.handler` of one trusted CommonJS file in this process. A thrown object with a `kind` is the
 * outcome itself, so that a test can end an invocation in any way.
 */
export async function run(
  source: string,
  console: object,
  args: readonly [unknown, unknown],
): Promise<Outcome> {
  const exports: { handler?: Handler } = {};
  try {
    compileFunction(source, ['exports', 'console'])(exports, console);
    if (exports.handler === undefined) return { kind: 'refused', reason: 'no-handler' };
    const value = await exports.handler(...args);
    return { kind: 'returned', value: JSON.stringify(value ?? null) };
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'kind' in thrown) return thrown as Outcome;
    const { name, message, stack = '' } = thrown as Error;
    return { kind: 'threw', error: { name, message, stack, phase: 'handler' } };
  }
}
