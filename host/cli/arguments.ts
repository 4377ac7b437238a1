import { parseArgs } from 'node:util';
import { didYouMean } from '#host/deploy/nearest.ts';
import { UsageError } from './usage-error.ts';
import type { Flag, Verb } from './verb.ts';

const helpFlag: Flag = { type: 'boolean', short: 'h', help: 'This help' };

/** A verb's command line, checked against its flags. */
export class Arguments {
  readonly verb: Verb;
  readonly operands: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(verb: Verb, operands: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.verb = verb;
    this.operands = operands;
    this.#values = values;
  }

  is(flag: string): boolean {
    return this.#values.has(flag);
  }

  /** The last value given. */
  text(flag: string): string | undefined {
    return this.#values.get(flag)?.at(-1);
  }

  texts(flag: string): readonly string[] {
    return this.#values.get(flag) ?? [];
  }

  /** A whole number within bounds, or UsageError. */
  number(flag: string, least: number, most: number): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (/^[0-9]{1,15}$/.test(text) && number >= least && number <= most) return number;
    throw new UsageError(`--${flag} ${text} is not a whole number from ${least} to ${most}`, this.verb.name);
  }

  /** One of these words, or UsageError. */
  choice<T extends string>(flag: string, choices: readonly T[]): T | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    throw new UsageError(`--${flag} ${text} is not one of ${choices.join(', ')}`, this.verb.name);
  }

  /** The operand at `index`; the count was checked, so a missing one is a mistake in the table of verbs. */
  operand(index: number): string {
    const text = this.operands[index];
    if (text === undefined) throw new RangeError(`${this.verb.name} has no operand ${index}`);
    return text;
  }
}

/** Throws UsageError for unknown flags, with the nearest, for missing values, and for too few or too many operands. */
export function parseArguments(verb: Verb, argv: readonly string[]): Arguments {
  if (verb.passThrough === true) return new Arguments(verb, argv, new Map());
  const flags: Readonly<Record<string, Flag>> = { ...verb.flags, help: helpFlag };
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }> = {};
  for (const [name, { type, short, multiple }] of Object.entries(flags)) {
    options[name] = { type, ...(short === undefined ? {} : { short }), multiple: multiple ?? false };
  }
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const operands: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(verb, token.rawName, Object.keys(flags));
    values.set(token.name, [...(values.get(token.name) ?? []), checkValue(verb, token, flag)]);
  }
  if (!values.has('help')) checkOperands(verb, operands);
  return new Arguments(verb, operands, values);
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function checkValue(verb: Verb, token: OptionToken, flag: Flag): string {
  if (flag.type === 'boolean') {
    if (token.value === undefined) return '';
    throw new UsageError(`${token.rawName} takes no value`, verb.name);
  }
  if (token.value === undefined) {
    throw new UsageError(
      `${token.rawName} needs a value: ${token.rawName} ${flag.value ?? 'VALUE'}`,
      verb.name,
    );
  }
  // "--data --json" is a forgotten value far more often than a value.
  if (token.inlineValue !== true && token.value.startsWith('-') && token.value !== '-') {
    throw new UsageError(
      `${token.rawName} needs a value; for one that begins with "-" write ${token.rawName}=${token.value}`,
      verb.name,
    );
  }
  return token.value;
}

function checkOperands(verb: Verb, operands: readonly string[]): void {
  const { least, most } = verb.count;
  if (operands.length < least) throw new UsageError(`islet ${verb.name} needs ${verb.operands}`, verb.name);
  if (operands.length <= most) return;
  throw new UsageError(`islet ${verb.name} does not take ${JSON.stringify(operands[most])}`, verb.name);
}

function unknownFlag(verb: Verb, raw: string, known: readonly string[]): UsageError {
  const near = didYouMean(raw.replace(/^-+/, ''), known).replace(/"(.*)"/, '--$1');
  return new UsageError(`islet ${verb.name} has no flag ${raw}${near}`, verb.name);
}
