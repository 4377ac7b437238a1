import type { Attachment, Binding } from '#runtime/binding.ts';
import { HostError } from '#runtime/errors.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Access, KvAccess } from './access.ts';
import { Budget } from './budget.ts';
import { parseKvConfig, toPlace } from './config.ts';
import type { Place } from './config.ts';
import { Counters } from './counters.ts';
import { KvGrant } from './grant.ts';
import { heldBytes } from './limits.ts';
import { KvNamespace } from './namespace.ts';
import { Watches } from './watches.ts';

export interface KvOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** What cordons may use of each other's. Default: nothing. */
  readonly access?: Pick<KvAccess, 'require'>;
}

/**
 * The `kv` binding: Workers KV by its documentation, strongly consistent. Config: a namespace, `{ namespace }`, or
 * nothing for the function's own, named "<function>/<NAME>". A namespace is shared by every function of a cordon that
 * names it, and by functions of another, which name it "cordon:namespace", where the operator granted that. Operations:
 * get, getMany, put, delete, list, increment, commit, watch (README, "The path of a call").
 */
export function createKvBinding(store: Store, options: KvOptions = {}): Binding {
  const now = options.now ?? Date.now;
  const access = options.access ?? ownOnly;
  const counters = new Counters(store);
  const watches = new Watches(store);
  return {
    kind: 'kv',
    parse: parseKvConfig,
    admit(declaration, deployment) {
      const { namespace } = parseKvConfig(declaration.config);
      if (namespace !== undefined) {
        access.require(toPlace(namespace, deployment.cordon), deployment.cordon, 'read');
      }
    },
    attach(declaration, deployment): Attachment {
      const { cordon } = deployment;
      const name =
        parseKvConfig(declaration.config).namespace ?? `${deployment.function}/${declaration.name}`;
      const place = toPlace(name, cordon);
      const shared = {
        store,
        namespace: new KvNamespace(store, place.cordon, place.namespace),
        counters,
        watches,
        watching: { count: 0 },
        reading: new Budget(heldBytes),
        writing: new Budget(heldBytes),
        demand: (wanted: Access): void => access.require(place, cordon, wanted),
        now,
      };
      return { grant: (context) => new KvGrant(shared, context) };
    },
  };
}

const ownOnly: Pick<KvAccess, 'require'> = {
  require(place: Place, cordon: string): void {
    if (place.cordon === cordon) return;
    throw new HostError(
      'ERR_NOT_GRANTED',
      `Cannot use KV namespace "${place.cordon}:${place.namespace}": nothing is granted here; use a namespace of the cordon "${cordon}"`,
    );
  },
};
