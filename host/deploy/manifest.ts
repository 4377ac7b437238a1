import { HostError } from '#runtime/errors.ts';
import type { AccessRule } from '#runtime/deployment.ts';
import type { Limits } from '#runtime/limits.ts';
import type { Binding } from '#runtime/binding.ts';
import { readJsonc } from './jsonc.ts';
import type { JsoncProblem, JsoncText } from './jsonc.ts';
import { formatRoutes, mergeAccess, settleRules, wholePattern } from './manifest-access.ts';
import { formatEgress } from './manifest-egress.ts';
import { checkManifest, shadowed } from './manifest-rules.ts';
import type { Manifest } from './manifest-rules.ts';
import type { Path, Problem } from './manifest-values.ts';

export interface ManifestContext {
  /** The host's caps; default: defaultCaps. */
  readonly caps?: Limits;
  /** Known bindings by kind: unknown kinds and configs a binding refuses become problems. Default: not checked. */
  readonly kinds?: ReadonlyMap<string, Binding>;
  /** What will be laid over it: its bindings count as there. */
  readonly over?: Manifest;
}

/** A manifest is read by people; one longer than this is not one. */
const longest = 2 ** 20;

/**
 * Parses islet.json: JSON with comments and trailing commas. `file` is the name used in messages. Throws HostError
 * ERR_MANIFEST that lists every problem as `file:line:column: …`, line and column from 1.
 */
export function parseManifest(text: string, file: string, context: ManifestContext = {}): Manifest {
  if (text.length > longest) {
    throw manifestError(file, [`${file}: ${text.length} characters, at most ${longest} are read`]);
  }
  const written = readText(text, file);
  const problems: JsoncProblem[] = [...written.problems];
  let manifest: Manifest = {};
  if (problems.length === 0) {
    const checked = checkManifest(written.value, context);
    manifest = checked.manifest;
    for (const problem of checked.problems) {
      problems.push({ offset: written.offsetOf(problem.path), text: problem.text });
    }
  }
  if (problems.length === 0) return manifest;
  problems.sort((a, b) => a.offset - b.offset);
  const lines = problems.map((problem) => `${file}:${written.positionOf(problem.offset)}: ${problem.text}`);
  throw manifestError(file, lines);
}

/** Checks manifest values given as data, e.g. `DeployOptions.manifest`. Throws HostError ERR_MANIFEST. */
export function parseOverrides(value: unknown, context: ManifestContext = {}): Manifest {
  const { manifest, problems } = checkManifest(value, { ...context, over: 'base' });
  if (problems.length === 0) return manifest;
  throw manifestError('options.manifest', problems.map(toLine));
}

/**
 * `over` wins over `base`; `limits`, `vars`, `bindings` and `wasm` are joined key by key. Throws HostError ERR_MANIFEST when
 * the two together give one env name to a var and to a binding, or an access rule has no binding to ask.
 */
export function mergeManifests(base: Manifest, over: Manifest): Manifest {
  const merged: Manifest = {
    ...base,
    ...over,
    limits: { ...base.limits, ...over.limits },
    vars: { ...base.vars, ...over.vars },
    bindings: { ...base.bindings, ...over.bindings },
    ...(base.access === undefined && over.access === undefined ? {} : { access: mergedAccess(base, over) }),
    ...(base.wasm === undefined && over.wasm === undefined ? {} : { wasm: { ...base.wasm, ...over.wasm } }),
  };
  const problems: Problem[] = [...shadowed(merged)];
  const { access } = merged;
  if (access === undefined) return refuseAny(merged, problems);
  const kinds = new Map(Object.entries(merged.bindings ?? {}).map(([name, { kind }]) => [name, kind]));
  const rules = access.map(({ binding, ...rule }) => ({
    ...rule,
    binding: binding === '' ? undefined : binding,
    path: rule.pattern === wholePattern ? ['auth'] : ['routes'],
  }));
  const report = (path: Path, text: string): undefined => void problems.push({ path, text });
  return refuseAny({ ...merged, access: settleRules(rules, kinds, report) }, problems);
}

function mergedAccess(base: Manifest, over: Manifest): readonly AccessRule[] {
  return mergeAccess(base.access ?? [], { rules: over.access ?? [], routes: over.routes !== undefined });
}

function refuseAny(manifest: Manifest, problems: readonly Problem[]): Manifest {
  if (problems.length > 0) throw manifestError('options.manifest', problems.map(toLine));
  return manifest;
}

/** The text of islet.json for source that names its main by other means. */
export function formatManifest(manifest: Manifest): string {
  const { main: _, bindings, egress, routes, access, ...rest } = manifest;
  const written = formatRoutes(routes, access);
  const flat = Object.entries(bindings ?? {}).map(([name, { kind, config }]) => [name, { kind, ...config }]);
  return JSON.stringify({
    ...rest,
    ...(written === undefined ? {} : { routes: written }),
    ...(bindings === undefined ? {} : { bindings: Object.fromEntries(flat) }),
    ...(egress === undefined ? {} : { egress: formatEgress(egress) }),
  });
}

function toLine(problem: Problem): string {
  return `options.manifest${problem.path.length === 0 ? '' : `.${problem.path.join('.')}`}: ${problem.text}`;
}

function manifestError(file: string, lines: readonly string[], cause?: unknown): HostError {
  const count = lines.length === 1 ? '1 problem' : `${lines.length} problems`;
  return new HostError('ERR_MANIFEST', `Cannot use ${file}: ${count}\n${lines.join('\n')}`, { cause });
}

function readText(text: string, file: string): JsoncText {
  try {
    return readJsonc(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw manifestError(file, [`${file}: nested too deeply`], cause);
  }
}
