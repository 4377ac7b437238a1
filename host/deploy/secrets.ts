import { parseFunctionName } from '#runtime/deployment.ts';
import type { FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Host } from '#host/host.ts';
import { isDeployed, liveVersions } from './function-state.ts';
import type { FunctionState } from './function-state.ts';
import type { Ledger } from './ledger.ts';
import { isEnvName } from './manifest-rules.ts';
import { secretKey } from './records.ts';
import type { Vault } from './vault.ts';

/** Longest secret, in UTF-8 bytes: every start of an instance carries all of them. */
export const secretBytes: number = 64 * 1024;

/**
 * Secrets of a function, sealed in the store. They may be put before its first deployment, whose top level may need
 * them; putting or deleting one gives every version's target another key, so that instances start anew.
 */
export function secretVerbs(ledger: Ledger, vault: Vault): Host['secrets'] {
  return {
    async put(name, key, value) {
      const owner = toName(name);
      if (typeof value !== 'string') throw new TypeError('A secret is text');
      if (!isEnvName(key)) {
        throw refuse(name, key, 'use letters, digits and "_" in its name, not a digit first');
      }
      const bytes = Buffer.byteLength(value);
      if (bytes > secretBytes)
        throw refuse(name, key, `it is ${bytes} bytes, at most ${secretBytes} are kept`);
      await ledger.change(owner, (state) => {
        refuseDeclared(state, key);
        const stored = secretKey(owner, key);
        return { changes: [{ kind: 'put', key: stored, value: vault.seal(stored, value) }] };
      });
    },
    async list(name) {
      const state = await ledger.read(toName(name));
      if (isDeployed(state) || state.secrets.size > 0) return [...state.secrets.keys()];
      throw new HostError('ERR_NO_FUNCTION', `There is no function "${name}"; check with \`islet list\``);
    },
    async delete(name, key) {
      const owner = toName(name);
      await ledger.change(owner, (state) => {
        if (state.secrets.has(key)) return { changes: [{ kind: 'delete', key: secretKey(owner, key) }] };
        const known = [...state.secrets.keys()].join(', ') || 'none';
        throw new HostError(
          'ERR_NO_SECRET',
          `"${name}" has no secret ${JSON.stringify(key)}; it has ${known}`,
        );
      });
    },
  };
}

/** The name as parsed, or HostError ERR_BAD_NAME. */
export function toName(name: string): FunctionName {
  try {
    return parseFunctionName(name);
  } catch (cause) {
    throw new HostError('ERR_BAD_NAME', (cause as Error).message, { cause });
  }
}

function refuseDeclared(state: FunctionState, key: string): void {
  for (const version of liveVersions(state.record)) {
    const record = state.versions.get(version);
    const declared = [
      ...Object.keys(record?.vars ?? {}),
      ...(record?.bindings ?? []).map(({ name }) => name),
    ];
    if (declared.includes(key)) {
      throw refuse(
        state.name,
        key,
        `version ${version} has a var or binding of that name; rename one of them`,
      );
    }
  }
}

function refuse(name: string, key: string, why: string): HostError {
  return new HostError('ERR_BAD_INPUT', `Cannot put secret ${JSON.stringify(key)} of "${name}": ${why}`);
}
