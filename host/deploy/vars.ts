import { HostError } from '#runtime/errors.ts';
import { liveVersions } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import { isEnvName } from './manifest-rules.ts';
import type { VersionRecord } from './records.ts';

/** The version that answers for the function now, the heavier of two. Throws HostError ERR_NO_VERSION. */
export function activeVersion(state: FunctionState): {
  readonly version: number;
  readonly record: VersionRecord;
} {
  const [version] = liveVersions(state.record);
  const record = version === undefined ? undefined : state.versions.get(version);
  if (version !== undefined && record !== undefined) return { version, record };
  throw new HostError('ERR_NO_VERSION', `"${state.name}" has no version with traffic; activate one first`);
}

/**
 * The record's vars with the changes joined in; null removes one. Throws HostError ERR_BAD_INPUT for a name or value
 * that cannot be one.
 */
export function changedVars(
  record: VersionRecord,
  changes: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const vars: Record<string, string> = { ...record.vars };
  for (const [name, value] of Object.entries(changes)) {
    if (!isEnvName(name)) {
      throw refuse(name, 'use letters, digits and "_" in its name, not a digit first');
    }
    if (record.bindings.some((binding) => binding.name === name))
      throw refuse(name, 'a binding has that name');
    if (value === null) delete vars[name];
    else if (typeof value === 'string') vars[name] = value;
    else throw refuse(name, 'its value is neither text nor null');
  }
  return vars;
}

function refuse(name: string, why: string): HostError {
  return new HostError('ERR_BAD_INPUT', `Cannot set var ${JSON.stringify(name)}: ${why}`);
}
