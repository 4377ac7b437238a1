import { randomFillSync } from 'node:crypto';
import { domainToASCII } from 'node:url';
import ivm from 'isolated-vm';
import type { CutBundle } from '#runtime/guest-parts.ts';
import { bundleGuest } from '#runtime/guest-bundle.ts';
import { serveForTest } from '#test/support/services.ts';
import { collectAtExit } from '#runtime/isolate/collect-at-exit.ts';

collectAtExit();

/** The web classes as one script whose value is what the module exports, and `connectPieces`; and the text of the parts. */
const bundle: Promise<CutBundle> = bundleGuest('runtime/guest/web/index.ts');

/** Runs guest programs in one real isolate; each is the body of an async function and returns data. */
export interface WebIsolate {
  /** `web` is in scope: the exports of runtime/guest/web/index.ts. Throws what the program throws. */
  run(program: string): Promise<unknown>;
  /** Runs what setTimeout was given, oldest first. */
  runTimers(): Promise<number>;
  dispose(): void;
}

/**
 * A fresh isolate with the web classes installed; clock fixed at 5000 ms, time origin 1000 ms.
 * @param options.before source that runs before the web classes load
 */
export async function openWebIsolate(options: { readonly before?: string } = {}): Promise<WebIsolate> {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = await isolate.createContext();
  await context.global.set('idna', new ivm.Callback(domainToASCII));
  await context.global.set(
    'random',
    new ivm.Callback((length: number) => randomFillSync(new Uint8Array(length)).buffer),
  );
  await context.global.set(
    'serve',
    new ivm.Reference(async (method: string, args: string, bytes: ArrayBuffer | undefined) =>
      new ivm.ExternalCopy(await serveForTest(method, args, bytes)).copyInto({ release: true }),
    ),
  );
  if (options.before) await context.eval(options.before);
  const { core, pieces } = await bundle;
  const script = await isolate.compileScript(`const web = ${core};`);
  await script.run(context);
  await context.global.set('pieces', pieces);
  await context.eval(`
    {
      const { idna, random, serve } = globalThis;
      delete globalThis.serve;
      const ask = (method, args, bytes) => {
        const copy = bytes && bytes.slice().buffer;
        const [ok, json, answer] = serve.applySyncPromise(undefined, [method, args, copy], { arguments: { copy: true } });
        if (ok !== 1) throw Object.assign(new Error(JSON.parse(json).message), JSON.parse(json));
        return { value: JSON.parse(json), bytes: answer && new Uint8Array(answer) };
      };
      globalThis.timers = [];
      globalThis.reported = [];
      web.installWeb({
        idna,
        random: (bytes) => bytes.set(new Uint8Array(random(bytes.length))),
        now: () => 5000,
        origin: 1000,
        setTimeout: (run, ms) => timers.push({ run, ms }),
        reportError: (error) => reported.push(error),
        serve: ask,
        serveLater: async (...asked) => ask(...asked),
      });
      web.connectPieces(globalThis.pieces);
      delete globalThis.pieces;
    }`);
  return {
    async run(program) {
      // Nothing is looked up after the program, which may have broken everything there is.
      const wrapped = `"use strict"; (async (stringify) => stringify({ value: await (async () => {${program}\n})() }))(JSON.stringify)`;
      const text = (await context.eval(wrapped, { promise: true, timeout: 10_000 })) as string;
      return (JSON.parse(text) as { value?: unknown }).value;
    },
    async runTimers() {
      return (await context.eval(
        '{ const due = timers.splice(0); due.forEach((t) => t.run()); due.length }',
      )) as number;
    },
    dispose: () => isolate.dispose(),
  };
}
