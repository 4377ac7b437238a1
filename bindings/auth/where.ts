/** A row of a model: JSON values, dates as ISO 8601 text (so that text order is time order). */
export type Row = Readonly<Record<string, unknown>>;

/** One clause of a query, as the library's adapters get them. */
export interface Clause {
  readonly field: string;
  readonly operator: string;
  readonly value: unknown;
  readonly connector: 'AND' | 'OR';
  readonly mode: 'sensitive' | 'insensitive';
}

/**
 * Whether a row is meant. As in the library's SQL adapters: all AND clauses hold, and one of the OR clauses when there
 * are any. Comparisons with null hold only for `eq` and `ne`.
 */
export function matches(row: Row, where: readonly Clause[]): boolean {
  const any = where.filter(({ connector }) => connector === 'OR');
  const all = where.filter(({ connector }) => connector !== 'OR');
  return (
    all.every((clause) => holds(row[clause.field] ?? null, clause)) &&
    (any.length === 0 || any.some((clause) => holds(row[clause.field] ?? null, clause)))
  );
}

function holds(stored: unknown, clause: Clause): boolean {
  const fold = clause.mode === 'insensitive' ? lower : same;
  const value = fold(stored);
  const asked = Array.isArray(clause.value) ? clause.value.map(fold) : fold(clause.value ?? null);
  switch (clause.operator) {
    case 'eq':
      return value === asked;
    case 'ne':
      return value !== asked;
    case 'in':
      return list(asked).includes(value);
    case 'not_in':
      return value !== null && !list(asked).includes(value);
    case 'contains':
      return isText(value) && isText(asked) && value.includes(asked);
    case 'starts_with':
      return isText(value) && isText(asked) && value.startsWith(asked);
    case 'ends_with':
      return isText(value) && isText(asked) && value.endsWith(asked);
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return value !== null && asked !== null && ordered(clause.operator, compare(value, asked));
    default:
      throw new TypeError(`Operator ${JSON.stringify(clause.operator)} is unknown`);
  }
}

function ordered(operator: string, order: number): boolean {
  if (operator === 'lt') return order < 0;
  if (operator === 'lte') return order <= 0;
  return operator === 'gt' ? order > 0 : order >= 0;
}

/** Null first, then by value; values of different types have no order of use. */
export function compare(left: unknown, right: unknown): number {
  if (left === right) return 0;
  if (left === null || left === undefined) return -1;
  if (right === null || right === undefined) return 1;
  return (left as string) < (right as string) ? -1 : 1;
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('Operators "in" and "not_in" take a list');
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function lower(value: unknown): unknown {
  return isText(value) ? value.toLowerCase() : value;
}

function same(value: unknown): unknown {
  return value;
}
