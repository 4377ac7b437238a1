import ivm from 'isolated-vm';
import { domainToASCII } from 'node:url';
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { splitBundle } from '#runtime/guest/parts.ts';
import type { SharedState } from './services/service.ts';
import { refuseCall, refuseLater, type BlockingCall, type BlockingReply } from './services/now.ts';

/** The guest bundle (runtime/guest) and V8's cache of it. */
export interface GuestBundle {
  readonly source: string;
  readonly cache?: Uint8Array;
}

/** Where a bootstrapped isolate's output goes; set when a function moves in. */
export interface Port {
  send: (text: string, bytes: ArrayBuffer | undefined) => void;
  /** WebAssembly's memories have outgrown the instance. */
  overMemory: () => void;
  /** Work of the cell that the guest's thread waits for. */
  serve: (call: BlockingCall) => Promise<BlockingReply>;
  /** The same for a guest that runs on this thread. */
  serveAtOnce: (call: BlockingCall) => BlockingReply;
}

/** An isolate with the web globals and no guest code. */
export interface Sandbox {
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly deliver: ivm.Reference;
  /** Takes the StartHead before the guest's top level runs; forgets itself then. */
  readonly prepare: ivm.Reference;
  readonly start: ivm.Reference;
  /** Takes nothing; makes the first request quicker, where there is time for it. */
  readonly rehearse: ivm.Reference;
  /** Shared memory. marker[0]: the invocation the guest runs just now, 0 when none; marker[1]: the last it ran. */
  readonly marker: Int32Array;
  readonly port: Port;
  /** What the cell's services keep for this isolate. */
  readonly shared: SharedState;
  readonly memoryMb: number;
  /** Called when V8 says that this process is lost. */
  onCatastrophe: (message: string) => void;
  /** Its memory when it was put by as a spare; 0 for one that was not. */
  restingBytes: number;
  readonly createMs: number;
  readonly bootstrapMs: number;
}

const entropyBytes = 4096;

/** A bundle as isolates take it in: its cache and the text of its parts are in memory once, whatever their number. */
interface Shared {
  readonly script: string;
  readonly cache: ivm.ExternalCopy<ArrayBuffer> | undefined;
  readonly pieces: ivm.ExternalCopy<string>;
}

/**
 * By source, and for as long as the process lives: isolated-vm aborts when such a copy is collected while the process ends. A
 * process has one source, and a cache of it or none.
 */
const plain = new Map<string, Shared>();
const cached = new Map<string, Shared>();

function share({ source, cache }: GuestBundle): Shared {
  const table = cache === undefined ? plain : cached;
  const known = table.get(source);
  if (known !== undefined) return known;
  const { script, pieces } = splitBundle(source);
  const external = cache === undefined ? undefined : toExternal(cache);
  const made: Shared = { script, cache: external, pieces: new ivm.ExternalCopy(pieces) };
  table.set(source, made);
  return made;
}

/** The calls a guest's runtime makes synchronously; all are rare and cheap. */
function answer(port: Port, method: unknown, text: unknown): string {
  if (method === 'idna') return domainToASCII(String(text));
  if (method === 'entropy') return randomBytes(entropyBytes).toString('base64');
  if (method === 'memory') port.overMemory();
  return '';
}

/** Creates an isolate and runs the bundle in it. Rejects when the isolate cannot be made. */
export async function openSandbox(bundle: GuestBundle, memoryMb: number): Promise<Sandbox> {
  const began = performance.now();
  const port: Port = {
    send: () => undefined,
    overMemory: () => undefined,
    serve: refuseLater,
    serveAtOnce: refuseCall,
  };
  const late: { sandbox?: Sandbox } = {};
  const isolate = new ivm.Isolate({
    memoryLimit: memoryMb,
    onCatastrophicError: (message) => late.sandbox?.onCatastrophe(message),
  });
  try {
    const context = await isolate.createContext();
    const created = performance.now();
    const { script: text, cache, pieces } = share(bundle);
    const script = await isolate.compileScript(text, {
      filename: 'islet:guest',
      ...(cache === undefined ? {} : { cachedData: cache }),
    });
    const install: ivm.Reference = await script.run(context, { reference: true });
    script.release();
    const marker = new Int32Array(new SharedArrayBuffer(8));
    const made: ivm.Reference = await install.apply(
      undefined,
      [
        new ivm.Callback((text: string, bytes: ArrayBuffer | undefined) => port.send(text, bytes), {
          ignored: true,
        }),
        new ivm.Callback((method: unknown, text: unknown) => answer(port, method, text), { sync: true }),
        new ivm.ExternalCopy(marker).copyInto({ release: true }),
        new ivm.ExternalCopy(toArrayBuffer(randomBytes(entropyBytes))).copyInto({ release: true }),
        new ivm.Reference(async (method: unknown, args: unknown, bytes: unknown) =>
          new ivm.ExternalCopy(await port.serve({ method, args, bytes })).copyInto({ release: true }),
        ),
        pieces.copyInto(),
        new ivm.Callback((text: string, bytes: ArrayBuffer | undefined) => port.send(text, bytes), {
          sync: true,
        }),
        new ivm.Callback(
          (method: unknown, args: unknown, bytes: unknown) => port.serveAtOnce({ method, args, bytes }),
          { sync: true },
        ),
      ],
      { result: { reference: true } },
    );
    install.release();
    // On this thread: each runs nothing, and is over sooner than a trip to the isolate's.
    const deliver = made.getSync('deliver', { reference: true });
    const prepare = made.getSync('prepare', { reference: true });
    const start = made.getSync('start', { reference: true });
    const rehearse = made.getSync('rehearse', { reference: true });
    made.release();
    const sandbox: Sandbox = {
      isolate,
      context,
      deliver,
      prepare,
      start,
      rehearse,
      marker,
      port,
      shared: new Map(),
      memoryMb,
      onCatastrophe: () => undefined,
      restingBytes: 0,
      createMs: created - began,
      bootstrapMs: performance.now() - created,
    };
    late.sandbox = sandbox;
    return sandbox;
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
}

/** What its heap and the buffers it holds take just now. On this thread; waits for an entry that runs. */
export function bytesOf({ isolate }: Sandbox): number {
  const heap = isolate.getHeapStatisticsSync();
  return heap.used_heap_size + heap.externally_allocated_size;
}

/** A real copy: what crosses into an isolate never shares memory with the cell. */
export function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

/** Bytes as an argument of an entry; copied once. */
export function toArgument(bytes: Uint8Array): ivm.Copy<ArrayBuffer> {
  const external = new ivm.ExternalCopy(toArrayBuffer(bytes), { transferOut: true });
  return external.copyInto({ release: true, transferIn: true });
}

export function toExternal(bytes: Uint8Array): ivm.ExternalCopy<ArrayBuffer> {
  return new ivm.ExternalCopy(toArrayBuffer(bytes));
}

/** What to make a code cache of. */
export interface CacheRequest {
  readonly source: string;
  /** Compile every function now, so that none is compiled in a cold start. Sets V8 flags of the process meanwhile. */
  readonly eager: boolean;
}

/**
 * V8's code cache of a module, made in an isolate of its own that never runs it. Only for sources whose compile may
 * end this process: call it in the cell that compiles. Throws what V8 says of a source that does not parse.
 */
export async function compileCache({ source, eager }: CacheRequest): Promise<Uint8Array> {
  const isolate = new ivm.Isolate({ memoryLimit: 1024 });
  const compile = async (produceCachedData: boolean): Promise<ivm.CachedDataResult> => {
    const options = { produceCachedData };
    return (await isolate.compileModule(source, options)) as ivm.CachedDataResult;
  };
  try {
    if (eager) {
      // The flag is part of what a cache must match, so it is gone again when the cache is made; the isolate's own
      // compilation cache then hands out what was compiled whole.
      setFlagsFromString('--no-lazy');
      try {
        await compile(false);
      } finally {
        setFlagsFromString('--lazy');
      }
    }
    const external = (await compile(true)).cachedData;
    const cache = external === undefined ? new Uint8Array() : new Uint8Array(external.copy());
    external?.release();
    return cache;
  } finally {
    isolate.dispose();
  }
}
