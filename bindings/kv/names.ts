import { HostError } from '#runtime/errors.ts';
import { parseCordon, parseNamespace, toPlace } from './config.ts';
import type { Place } from './config.ts';

/** To the operator, namespaces of this cordon go by their plain name, those of others as "cordon:namespace". */
const plainCordon = 'default';

export function toName({ cordon, namespace }: Place): string {
  return cordon === plainCordon ? namespace : `${cordon}:${namespace}`;
}

/** Throws HostError ERR_BAD_NAME for what names no namespace. */
export function parseName(name: string): Place {
  return named(name, 'KV namespace', () => {
    const { cordon, namespace } = toPlace(name, plainCordon);
    return { cordon: parseCordon(cordon), namespace: parseNamespace(namespace) };
  });
}

/** Throws HostError ERR_BAD_NAME for what names no cordon. */
export function parseCordonName(name: string): string {
  return named(name, 'cordon', () => parseCordon(name));
}

function named<T>(name: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : '';
    throw new HostError('ERR_BAD_NAME', `Cannot use ${what} ${JSON.stringify(name)}: ${reason}`, { cause });
  }
}
