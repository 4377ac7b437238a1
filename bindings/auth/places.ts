import { createHash } from 'node:crypto';

/** Longer values are looked up by their hash: keys of the store stay short. */
const mostLength = 120;

/** Where a pool's state lies: `auth/<cordon>/<pool>/…`, the names percent-encoded so that they hold no slash. */
export class Places {
  readonly prefix: string;

  constructor(cordon: string, pool: string) {
    this.prefix = `auth/${encodeURIComponent(cordon)}/${encodeURIComponent(pool)}/`;
  }

  /** One row, JSON. */
  row(model: string, id: string): string {
    return `${this.rows(model)}${text(id)}`;
  }

  rows(model: string): string {
    return `${this.prefix}r/${model}/`;
  }

  /** One key per row with this value; the row's id is the last segment. */
  index(model: string, field: string, value: unknown): string {
    return `${this.prefix}i/${model}/${field}/${place(value)}/`;
  }

  /** At most one row has this value; the id is what is stored. */
  unique(model: string, field: string, value: unknown): string {
    return `${this.prefix}u/${model}/${field}/${place(value)}`;
  }

  /** Other state: `x` revoked sessions, `v` users that changed, `f` refresh tokens, `l` lock-outs, `k` keys. */
  other(kind: string, name: string): string {
    return `${this.prefix}${kind}/${text(name)}`;
  }
}

/** The name that `row`, `index` or `other` ended a key with. */
export function lastOf(key: string): string {
  return decodeURIComponent(key.slice(key.lastIndexOf('/') + 1));
}

/** Values of different types lie apart; equal text lies in one place. */
function place(value: unknown): string {
  const plain = `${typeof value === 'string' ? 's' : 'j'}${text(String(value))}`;
  return plain.length <= mostLength ? plain : `h${createHash('sha256').update(plain).digest('hex')}`;
}

function text(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}
