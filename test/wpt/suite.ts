import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost } from '#host/index.ts';
import type { HostOptions } from '#host/index.ts';
import { checkCheckout, findVariants } from './checkout.ts';
import type { Variant } from './checkout.ts';
import { Lane } from './lane.ts';
import type { Result } from './result.ts';
import { openServer } from './server.ts';

export interface SuiteOptions {
  /** Root of a checkout. */
  readonly root: string;
  /** Folders and files below it; default: every row of the table. */
  readonly paths?: readonly string[];
  /** Tests at once. Default 2. */
  readonly lanes?: number;
  /** Of a test that does not say it is long, in ms. Default 10 s. */
  readonly waitMs?: number;
  /** Whether a variant is to be run. */
  readonly wanted?: (variant: Variant) => boolean;
  readonly done?: (result: Result) => void;
  /** What the host tells its operator. */
  readonly log?: HostOptions['log'];
}

/** Runs tests on a host of its own, each in a deployed function; results in the order of the files. Rejects with TypeError for paths that are not there. */
export async function runSuite(options: SuiteOptions): Promise<readonly Result[]> {
  const { root, paths = [], lanes = 2, waitMs = 10_000, wanted = () => true, done, log } = options;
  await checkCheckout(root);
  const variants = (await findVariants(root, paths)).filter(wanted);
  const dir = await mkdtemp(join(tmpdir(), 'islet-wpt-host-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const server = await openServer(root);
  if (server !== undefined) undo.use(server);
  const host = await createHost({ dir, cells: 1, spares: 1, ...(log === undefined ? {} : { log }) });
  undo.defer(() => host.close());
  const { origin, addresses = [] } = server ?? {};
  const results: Result[] = [];
  const waiting = variants.values();
  const work = async (lane: Lane): Promise<void> => {
    for (const variant of waiting) {
      const result = await lane.run(variant);
      results.push(result);
      done?.(result);
    }
  };
  const names = Array.from({ length: lanes }, (_, index) => `lane-${index}`);
  await Promise.all(names.map((name) => work(new Lane({ host, root, origin, addresses, waitMs }, name))));
  const place = new Map(variants.map((variant, index) => [variant, index]));
  return results.sort((a, b) => (place.get(a.variant) ?? 0) - (place.get(b.variant) ?? 0));
}
