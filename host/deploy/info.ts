import type { FunctionInfo, VersionInfo } from '#host/host.ts';
import type { Limits } from '#runtime/limits.ts';
import { routesOf } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import { requireVersion } from './traffic.ts';
import { toLimits } from './targets.ts';

/** A function as `list` shows it. */
export function toFunctionInfo(state: FunctionState): FunctionInfo {
  return {
    name: state.name,
    weights: state.record.weights,
    routes: [...routesOf(state)],
    versions: state.versions.size,
    updatedAt: state.record.updatedAt,
  };
}

/** One version as `versions` shows it; limits as they are in force under the host's caps. */
export function toVersionInfo(state: FunctionState, version: number, caps: Limits): VersionInfo {
  const record = requireVersion(state, version);
  return {
    function: state.name,
    version,
    id: record.id,
    createdAt: record.createdAt,
    sourceBytes: record.code.sourceBytes,
    weight: state.record.weights[version] ?? 0,
    preview: { host: `${version}--${state.name}.localhost`, path: `/${state.name}@${version}/` },
    limits: toLimits(record.limits, caps),
    routes: record.routes,
    cordon: record.cordon,
    bindings: record.bindings.map(({ name, kind }) => ({ name, kind })),
    vars: Object.keys(record.vars),
  };
}
