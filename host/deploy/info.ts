import type { FunctionInfo, VersionInfo } from '#host/host.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import type { Limits } from '#runtime/limits.ts';
import { routesOf } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import { headerSecrets } from './manifest-egress.ts';
import type { VersionRecord } from './records.ts';
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
  const warnings = warningsOf(state, record);
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
    ...(record.allow === undefined ? {} : { allow: record.allow }),
    ...(record.access === undefined ? {} : { access: record.access }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** What will fail when it is needed, and can be mended without another deployment. */
function warningsOf(state: FunctionState, record: VersionRecord): readonly string[] {
  const missing = [...headerSecrets(record.egress ?? defaultEgress)].filter(
    (name) => !state.secrets.has(name),
  );
  return missing.map(
    (name) =>
      `the secret ${name}, which egress.headers needs, is not set; run \`islet secret put ${state.name} ${name}\``,
  );
}
