/**
 * Import for its effect, before anything is spawned: tap puts a loader of its own into the NODE_OPTIONS of every child
 * process, whatever environment the child was meant to have. A cell has none and may not read the loader's files.
 */
interface SpawnHooks {
  listeners: unknown[];
}

const hooks = (globalThis as Record<symbol, unknown>)[Symbol.for('process-on-spawn@*:singletonId')];
if (hooks !== undefined) (hooks as SpawnHooks).listeners = [];
delete process.env['NODE_OPTIONS'];
