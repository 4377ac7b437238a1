import { ServiceDesk, type Payer } from '#runtime/isolate/services/desk.ts';
import { digest } from '#runtime/isolate/services/digest.ts';
import { Handles } from '#runtime/isolate/services/handles.ts';
import { serveNow, type BlockingReply } from '#runtime/isolate/services/now.ts';
import type { SharedState } from '#runtime/isolate/services/service.ts';
import { services } from '#runtime/isolate/services/table.ts';

/** Whoever asks for work of the cell in a test, with so much CPU to spend, in ms. */
export interface TestPayer extends Payer {
  readonly desk: ServiceDesk;
}

export function createPayer(cpuMs: number): TestPayer {
  const desk = new ServiceDesk({ cpuMs, isOpen: () => true });
  return { cpuMs: 0, over: undefined, tab: undefined, desk };
}

const rich = createPayer(1e9);

/** A service of the cell as `serve` of protocol.ts gives it, with CPU without end. */
export function serveForTest(
  method: string,
  args: string,
  bytes: ArrayBuffer | undefined,
): Promise<BlockingReply> {
  return serveNow(rich.desk, rich, { method, args, bytes });
}

const handles = new Handles();
const shared: SharedState = new Map();

/** The same without waiting: only what is done at once, for harnesses that have the guest on their own thread. */
export function serveAtOnce(method: string, args: string, bytes: ArrayBuffer | undefined): BlockingReply {
  try {
    const given = bytes === undefined ? new Uint8Array() : new Uint8Array(bytes);
    const call = { args: JSON.parse(args) as unknown[], bytes: given, handles, shared };
    const answer = services.get(method)?.(call).run();
    if (answer === undefined || answer instanceof Promise) throw new Error(`${method} is not done at once`);
    const copy = answer.bytes === undefined ? undefined : Uint8Array.from(answer.bytes).buffer;
    return [1, JSON.stringify(answer.value ?? null), copy];
  } catch (error) {
    const { name, message } = error as Error;
    return [0, JSON.stringify({ name, message }), undefined];
  }
}

/** What the cell charges for a digest of so many bytes, in ms. */
export function digestCpuMs(algorithm: string, bytes: number): number {
  return digest({ args: [algorithm], bytes: new Uint8Array(bytes), handles, shared }).cpuMs;
}
