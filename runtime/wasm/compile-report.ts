import type { Compiled } from './native.ts';

/** What the compiling process says before it ends. */
export type CompileReport =
  /** Mode `describe`. */
  | { readonly kind: 'addon'; readonly engineHash: string; readonly sourceHash: string }
  /** There is no addon here that loads; `reason` says what to do. */
  | { readonly kind: 'absent'; readonly reason: string }
  /** The artifact is written: this many bytes. */
  | { readonly kind: 'made'; readonly guest: 'component' | 'command'; readonly bytes: number }
  | ({ readonly kind: 'refused' } & Omit<Extract<Compiled, { readonly ok: false }>, 'ok'>)
  | { readonly kind: 'exceeded'; readonly limit: 'memory' | 'cpu' };

const longestMessage = 4096;
const mostMissing = 100;

/** Parses a report; it comes from a process that worked on a guest's bytes. Throws TypeError when it is none. */
export function parseCompileReport(text: string): CompileReport {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new TypeError('compile report');
  const { kind, engineHash, sourceHash, reason, guest, bytes, message, missing, limit } = value as Readonly<
    Record<string, unknown>
  >;
  if (kind === 'addon') return { kind, engineHash: toHex(engineHash), sourceHash: toHex(sourceHash) };
  if (kind === 'absent') return { kind, reason: toText(reason) };
  if (kind === 'made' && (guest === 'component' || guest === 'command') && typeof bytes === 'number')
    return { kind, guest, bytes };
  if (kind === 'refused' && (reason === 'malformed' || reason === 'unsupported' || reason === 'world')) {
    const names = Array.isArray(missing) ? (missing as unknown[]).slice(0, mostMissing).map(toText) : [];
    return { kind, reason, message: toText(message), missing: names };
  }
  if (kind === 'exceeded' && (limit === 'memory' || limit === 'cpu')) return { kind, limit };
  throw new TypeError('compile report');
}

/** Part of file names. */
function toHex(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{16,128}$/.test(value)) return value;
  throw new TypeError('compile report: a hash');
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, longestMessage) : '';
}
