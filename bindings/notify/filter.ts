import { parseObject, refuse } from './arguments.ts';
import type { Members } from './arguments.ts';
import { filterCombinations, filterKeys } from './limits.ts';

/** Attributes of a message, as its sender gave them. */
export type Attribute = string | number | boolean | readonly (string | number | boolean)[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** One condition of SNS's filter policies on a single value; `exists` looks at the attribute itself. */
export type Condition =
  | string
  | number
  | boolean
  | null
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly 'equals-ignore-case': string }
  | { readonly numeric: readonly (string | number)[] }
  | { readonly exists: boolean }
  | { readonly 'anything-but': Excluded };

type Excluded = readonly (string | number)[] | { readonly prefix: string } | { readonly suffix: string };

/** All attributes must match, each by one of its conditions. `$or`: one of several policies instead. */
export interface FilterPolicy {
  readonly [attribute: string]: readonly Condition[] | readonly FilterPolicy[];
}

const operators: readonly string[] = ['=', '<', '<=', '>', '>='];

/** SNS, "Subscription filter policies" (https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html). */
export function parseFilter(value: unknown): FilterPolicy {
  const combinations = countCombinations(value, 0);
  if (combinations > filterCombinations) {
    throw refuse(
      `Cannot use filter: it has ${combinations} combinations of values; use ${filterCombinations} at most`,
    );
  }
  return value as FilterPolicy;
}

function countCombinations(value: unknown, depth: number): number {
  const policy = parseObject('filter', value);
  const keys = Object.keys(policy);
  if (keys.length > filterKeys)
    throw refuse(`Cannot use filter: it names ${keys.length} attributes; use ${filterKeys} at most`);
  let product = 1;
  for (const key of keys) {
    const list = policy[key];
    if (!Array.isArray(list) || list.length === 0) {
      throw new TypeError(
        `filter ${JSON.stringify(key)} is no list of conditions; use e.g. ["new", { "prefix": "re" }]`,
      );
    }
    if (key === '$or') {
      if (depth > 0) throw new TypeError('filter has $or within $or; use one level');
      product *= list.reduce((sum: number, inner: unknown) => sum + countCombinations(inner, depth + 1), 0);
      continue;
    }
    for (const condition of list) checkCondition(key, condition);
    product *= list.length;
  }
  return product;
}

function checkCondition(key: string, condition: unknown): void {
  if (condition === null || ['string', 'number', 'boolean'].includes(typeof condition)) return;
  const wrong = new TypeError(
    `filter ${JSON.stringify(key)} has a condition that is unknown; use a value or one of prefix, suffix, equals-ignore-case, anything-but, numeric, exists`,
  );
  if (typeof condition !== 'object' || Array.isArray(condition)) throw wrong;
  const [entry, ...others] = Object.entries(condition as Members);
  if (entry === undefined || others.length > 0) throw wrong;
  const [operator, operand] = entry;
  switch (operator) {
    case 'prefix':
    case 'suffix':
    case 'equals-ignore-case':
      if (typeof operand !== 'string') throw wrong;
      return;
    case 'exists':
      if (typeof operand !== 'boolean') throw wrong;
      return;
    case 'numeric':
      if (!isNumeric(operand)) throw wrong;
      return;
    case 'anything-but':
      if (!isExcluded(operand)) throw wrong;
      return;
    default:
      throw wrong;
  }
}

/** `["=", 5]`, or one or two bounds: `[">=", 0, "<", 10]`. */
function isNumeric(value: unknown): boolean {
  if (!Array.isArray(value) || (value.length !== 2 && value.length !== 4)) return false;
  return value.every((item, index) =>
    index % 2 === 0 ? operators.includes(item as string) : typeof item === 'number' && Number.isFinite(item),
  );
}

function isExcluded(value: unknown): boolean {
  if (Array.isArray(value))
    return value.length > 0 && value.every((item) => typeof item === 'string' || typeof item === 'number');
  if (typeof value === 'string' || typeof value === 'number') return true;
  if (typeof value !== 'object' || value === null) return false;
  const [entry, ...others] = Object.entries(value);
  return (
    others.length === 0 &&
    (entry?.[0] === 'prefix' || entry?.[0] === 'suffix') &&
    typeof entry[1] === 'string'
  );
}

/** An attribute that is a list matches when one of its values does. */
export function matchesFilter(policy: FilterPolicy, attributes: Attributes): boolean {
  return Object.entries(policy).every(([key, list]) => {
    if (key === '$or')
      return (list as readonly FilterPolicy[]).some((inner) => matchesFilter(inner, attributes));
    const attribute = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
    return (list as readonly Condition[]).some((condition) => holds(condition, attribute));
  });
}

function holds(condition: Condition, attribute: Attribute | undefined): boolean {
  if (typeof condition === 'object' && condition !== null && 'exists' in condition) {
    return condition.exists === (attribute !== undefined);
  }
  if (attribute === undefined) return false;
  const values = (Array.isArray(attribute) ? attribute : [attribute]) as readonly (
    | string
    | number
    | boolean
  )[];
  return values.some((value) => holdsFor(condition, value));
}

function holdsFor(
  condition: Exclude<Condition, { exists: boolean }>,
  value: string | number | boolean,
): boolean {
  if (typeof condition !== 'object' || condition === null) return value === condition;
  if ('prefix' in condition) return typeof value === 'string' && value.startsWith(condition.prefix);
  if ('suffix' in condition) return typeof value === 'string' && value.endsWith(condition.suffix);
  if ('equals-ignore-case' in condition) {
    return typeof value === 'string' && value.toLowerCase() === condition['equals-ignore-case'].toLowerCase();
  }
  if ('anything-but' in condition) return !isAmong(condition['anything-but'], value);
  return 'numeric' in condition && typeof value === 'number' && withinBounds(condition.numeric, value);
}

function isAmong(excluded: Excluded | string | number, value: string | number | boolean): boolean {
  if (typeof excluded !== 'object') return value === excluded;
  if ('prefix' in excluded) return typeof value === 'string' && value.startsWith(excluded.prefix);
  if ('suffix' in excluded) return typeof value === 'string' && value.endsWith(excluded.suffix);
  return excluded.includes(value as string);
}

function withinBounds(bounds: readonly (string | number)[], value: number): boolean {
  for (let at = 0; at < bounds.length; at += 2) {
    if (!compare(bounds[at] as string, value, bounds[at + 1] as number)) return false;
  }
  return true;
}

function compare(operator: string, value: number, bound: number): boolean {
  switch (operator) {
    case '=':
      return value === bound;
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    default:
      return value >= bound;
  }
}
