import { createHash } from 'node:crypto';
import type { Allowance } from '#runtime/allowance.ts';
import type { Binding } from '#runtime/binding.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import type { BindingDeclaration, Code, DeploymentHead, FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { defaultLimits, limitNames } from '#runtime/limits.ts';
import type { LimitName, Limits } from '#runtime/limits.ts';
import type { CodeHead, Target } from '#host/registry.ts';
import type { FunctionState } from './function-state.ts';
import { headerSecrets } from './manifest-egress.ts';
import { refusalOf } from './manifest-rules.ts';
import type { CodeRecord, VersionRecord } from './records.ts';

export interface TargetContext {
  readonly caps: Limits;
  /** What no manifest may allow. */
  readonly forbid: readonly Allowance[];
  readonly kinds: ReadonlyMap<string, Binding>;
  readonly load: (name: FunctionName, code: CodeRecord) => Promise<Code>;
}

/**
 * What an instance of this version needs. Limits above the host's present caps are lowered to them, what the host
 * forbids is not allowed; a secret that the
 * version itself declares as var or binding, or fills into a header of its fetches, is withheld. Throws HostError ERR_MANIFEST when a binding it names is not
 * there any more, or refuses its config.
 */
export function toTarget(
  state: Pick<FunctionState, 'name' | 'secrets'>,
  version: number,
  record: VersionRecord,
  context: TargetContext,
): Target {
  const deployment: DeploymentHead = {
    id: record.id,
    function: state.name,
    version,
    limits: toLimits(record.limits, context.caps),
    bindings: record.bindings.map((binding) => declare(state.name, binding, context.kinds)),
    vars: record.vars,
    cordon: record.cordon,
    minWarm: record.minWarm,
    routes: record.routes,
    access: record.access ?? [],
    egress: record.egress ?? defaultEgress,
    allow: (record.allow ?? []).filter((allowance) => !context.forbid.includes(allowance)),
    ...(record.assets === undefined ? {} : { assets: record.assets }),
    createdAt: record.createdAt,
  };
  const apart = new Set([
    ...Object.keys(record.vars),
    ...record.bindings.map(({ name }) => name),
    ...headerSecrets(deployment.egress),
  ]);
  const secrets = [...state.secrets].map(([key, { value }]) => [key, value] as const);
  return {
    deployment,
    secrets: Object.fromEntries(secrets.filter(([key]) => !apart.has(key))),
    withheld: Object.fromEntries(secrets.filter(([key]) => apart.has(key))),
    key: targetKey(record, version, state),
    code: toHead(record.code),
    load: () => context.load(state.name, record.code),
  };
}

function toHead(record: CodeRecord): CodeHead {
  if (record.kind === 'script') return { kind: 'script', hash: record.hash };
  const { module, hash, program, files } = record;
  return { kind: 'wasm', module, program, ...(files === 0 ? {} : { files: hash }) };
}

/** The same for the same version and the same writes of the function's secrets, also after a restart. */
export function targetKey(
  record: VersionRecord,
  version: number,
  state: Pick<FunctionState, 'secrets'>,
): string {
  const own = `${record.id}.${version}`;
  if (state.secrets.size === 0) return own;
  const writes = [...state.secrets].map(([key, { revision }]) => [key, revision]);
  return `${own}.${createHash('sha256').update(JSON.stringify(writes)).digest('hex').slice(0, 16)}`;
}

/** Given limits and defaults for the rest, none above the caps. */
export function toLimits(given: Partial<Limits>, caps: Limits): Limits {
  const limits: { -readonly [K in LimitName]: number } = { ...defaultLimits };
  for (const name of limitNames) limits[name] = Math.min(given[name] ?? defaultLimits[name], caps[name]);
  return limits;
}

function declare(
  name: FunctionName,
  binding: VersionRecord['bindings'][number],
  kinds: ReadonlyMap<string, Binding>,
): BindingDeclaration {
  const refusal = refusalOf(binding.kind, binding.config, kinds);
  if (refusal === undefined) return { ...binding, config: kinds.get(binding.kind)?.parse(binding.config) };
  throw new HostError('ERR_MANIFEST', `Cannot start "${name}": binding ${binding.name}: ${refusal}`);
}
