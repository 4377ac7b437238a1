import type { StartProblem } from '#runtime/engine.ts';
import type { CellReport, GoneReason, LoadedReport, NotLoadedReport } from '#runtime/frames.ts';
import { parseError } from '../dispatch/lines.ts';

type Fields = Readonly<Record<string, unknown>>;

const reasons: readonly GoneReason[] = ['idle', 'full', 'replaced', 'unhealthy'];
const longestText = 4096;

/** A Pong as a cell sent it; what is not a count is 0. Throws TypeError when it is no object. */
export function parseCellReport(json: string): CellReport {
  const fields = parseFields(json);
  const evictions = toFields(fields['evictions']);
  const counts: Record<GoneReason, number> = { idle: 0, full: 0, replaced: 0, unhealthy: 0 };
  for (const reason of reasons) counts[reason] = toCount(evictions[reason]);
  return {
    rssBytes: toCount(fields['rssBytes']),
    warmBytes: toCount(fields['warmBytes']),
    instances: toCount(fields['instances']),
    spares: toCount(fields['spares']),
    disposed: toCount(fields['disposed']),
    evictions: counts,
  };
}

/** Throws TypeError when it is no object. */
export function parseLoaded(json: string): LoadedReport {
  const fields = parseFields(json);
  const { kinds } = fields;
  const phases = toFields(fields['phases']);
  return {
    kinds: Array.isArray(kinds) ? kinds.filter((kind) => typeof kind === 'string') : [],
    memoryBytes: toCount(fields['memoryBytes']),
    spare: fields['spare'] === true,
    cached: fields['cached'] === true,
    phases: {
      create: toCount(phases['create']),
      bootstrap: toCount(phases['bootstrap']),
      load: toCount(phases['load']),
      topLevel: toCount(phases['topLevel']),
    },
  };
}

/** Throws TypeError when it names no reason that there is. */
export function parseNotLoaded(json: string): NotLoadedReport {
  const fields = parseFields(json);
  if (fields['needCode'] === true) return { needCode: true };
  return { outcome: parseProblem(toFields(fields['outcome'])) };
}

function parseProblem({ kind, limit, error, message }: Fields): StartProblem {
  if (kind === 'crashed')
    return { kind, message: typeof message === 'string' ? message.slice(0, longestText) : '' };
  if (kind === 'exceeded' && (limit === 'startupCpuMs' || limit === 'memoryMb' || limit === 'logBytes'))
    return { kind, limit };
  if (kind !== 'threw') throw new TypeError('start problem');
  const { name, message: words, stack } = toFields(error);
  return { kind, error: parseError(JSON.stringify([name, words, stack, 'startup'])) };
}

function parseFields(json: string): Fields {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) throw new TypeError('report');
  return value as Fields;
}

function toFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function toCount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}
