import type { InstanceEnd } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { Listener } from './engine-listener.ts';
import { requestHead } from './guest-harness.ts';

const bundle = loadGuestBundle();
const head = JSON.stringify({
  function: 'shop',
  version: 1,
  memoryMb: 128,
  vars: {},
  bindings: [],
  agent: 'islet/test',
});

export interface EngineAnswer {
  readonly body: string;
  readonly end: InstanceEnd;
  readonly logs: readonly unknown[];
}

/** A guest in the isolate engine as a cell has it, services of the cell included; no host. */
export interface EngineGuest {
  /** One request; the body goes in whole. */
  request(body: string): Promise<EngineAnswer>;
  close(): void;
}

/** `source` is a module with a fetch handler. */
export async function openEngineGuest(source: string, cpuMs = 1e5): Promise<EngineGuest> {
  // As a cell's channel does: isolated-vm alone does not always keep the loop going after another isolate was disposed.
  const alive = setInterval(() => undefined, 1000);
  const engine = new IsolateEngine({ bundle: await bundle, spares: 0, beat: () => undefined });
  const listener = new Listener();
  const limits = { ...defaultLimits, cpuMs, startupCpuMs: 10_000 };
  const { instance } = await engine.start({ source, head, limits }, listener.watcher);
  return {
    async request(body) {
      const number = listener.nextNumber();
      const bytes = Buffer.from(body);
      const web = requestHead({ m: 'POST', b: 1 });
      instance.begin(number, JSON.stringify([0, number, web, 0, bytes.length]), bytes);
      const end = await listener.ended(number);
      return { body: listener.bodyOf(number), end, logs: listener.logsOf(number) };
    },
    close() {
      instance.dispose();
      engine.close();
      clearInterval(alive);
    },
  };
}
