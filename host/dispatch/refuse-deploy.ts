import { HostError } from '#runtime/errors.ts';
import type { Outcome } from '#runtime/outcome.ts';

/** Throws ERR_DEPLOY_FAILED for an outcome of a start that did not succeed. */
export function refuseDeploy(name: string, outcome: Outcome): never {
  throw new HostError('ERR_DEPLOY_FAILED', `Cannot deploy "${name}": ${describe(outcome)}`);
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'threw') {
    const where = outcome.error.stack ?? `${outcome.error.name}: ${outcome.error.message}`;
    return `its top level threw ${where}`;
  }
  if (outcome.kind === 'exceeded')
    return `its top level went over ${outcome.limit}; do less at start or raise the limit`;
  return `its top level could not be run (${outcome.kind})`;
}
