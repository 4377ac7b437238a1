import { HostError } from '#runtime/errors.ts';
import type { FunctionState } from './function-state.ts';
import type { FunctionRecord, VersionRecord } from './records.ts';

/** How far back rollbacks can go, one after another. */
const mostEarlier = 100;

/** Versions that share the traffic of a gradual rollout. */
const mostLive = 2;

/**
 * The record with its traffic moved. The version that had all of it until now becomes the latest of `earlier`, unless
 * it keeps having all; a version that only had a share does not.
 */
export function moveTraffic(
  record: FunctionRecord,
  weights: Readonly<Record<string, number>>,
  now: number,
): FunctionRecord {
  const sole = soleVersion(record.weights);
  const keeps = sole === undefined || sole === soleVersion(weights) || record.earlier.at(-1) === sole;
  const earlier = keeps ? record.earlier : [...record.earlier, sole].slice(-mostEarlier);
  return { ...record, weights, earlier, updatedAt: now, deleted: false };
}

/**
 * The record gone back: to `version`, or to the version that had all the traffic before the present state; each
 * rollback without a version goes one further back. Throws HostError ERR_NO_VERSION.
 */
export function rollBack(state: FunctionState, version: number | undefined, now: number): FunctionRecord {
  const { record, name } = state;
  if (version !== undefined) {
    requireVersion(state, version);
    return moveTraffic(record, { [version]: 100 }, now);
  }
  const sole = soleVersion(record.weights);
  const earlier = [...record.earlier];
  // An abandoned rollout leaves the version that took all traffic back on top.
  while (earlier.length > 0 && earlier.at(-1) === sole) earlier.pop();
  const target = earlier.pop();
  if (target === undefined) {
    throw new HostError(
      'ERR_NO_VERSION',
      `Cannot roll back "${name}": no version had the traffic before; name the version to move to`,
    );
  }
  return { ...record, weights: { [target]: 100 }, earlier, updatedAt: now };
}

/** Percent by version, checked against the function; shares of 0 are left out. Throws HostError ERR_BAD_INPUT or ERR_NO_VERSION. */
export function parseWeights(state: FunctionState, value: unknown): Readonly<Record<string, number>> {
  const refuse = (why: string): never => {
    throw new HostError(
      'ERR_BAD_INPUT',
      `Cannot set weights of "${state.name}": ${why}, e.g. { "3": 90, "4": 10 }`,
    );
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse('give percent by version');
  const weights: Record<string, number> = {};
  let sum = 0;
  for (const [version, weight] of Object.entries(value as Record<string, unknown>)) {
    if (!/^[1-9]\d{0,9}$/.test(version)) return refuse(`"${version}" is not a version number`);
    if (typeof weight !== 'number' || !(weight >= 0 && weight <= 100)) {
      return refuse(`the share of version ${version} is not a number from 0 to 100`);
    }
    requireVersion(state, Number(version));
    sum += weight;
    if (weight > 0) weights[version] = weight;
  }
  if (Math.abs(sum - 100) > 1e-9) return refuse(`shares add up to ${sum}, they must make 100`);
  if (Object.keys(weights).length > mostLive)
    return refuse(`at most ${mostLive} versions can share the traffic`);
  return weights;
}

/** The version's record. Throws HostError ERR_NO_VERSION when the function has no such version. */
export function requireVersion(state: FunctionState, version: number): VersionRecord {
  const record = state.versions.get(version);
  if (record !== undefined) return record;
  throw new HostError(
    'ERR_NO_VERSION',
    `"${state.name}" has no version ${version}; it has ${[...state.versions.keys()].join(', ') || 'none'}`,
  );
}

function soleVersion(weights: Readonly<Record<string, number>>): number | undefined {
  const [first, ...others] = Object.keys(weights);
  return first === undefined || others.length > 0 ? undefined : Number(first);
}
