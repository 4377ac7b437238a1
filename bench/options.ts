import { parseArgs } from 'node:util';

/** What the bench can measure, in the order it does. */
export const parts = [
  'cold',
  'warm',
  'density',
  'kv',
  'auth',
  'streaming',
  'sockets',
  'web',
  'crypto',
  'wasm',
] as const;
export type Part = (typeof parts)[number];

/** `full` is what figures are quoted from; `quick` takes a quarter of the time; `tiny` only shows that it runs. */
export type Size = 'full' | 'quick' | 'tiny';

export interface BenchOptions {
  /** Default: all of them. */
  readonly only?: readonly Part[];
  /** Default full. */
  readonly size?: Size;
  /** Where JSON and SVG are written; default bench/out in the working directory. */
  readonly out?: string;
  /** Hears what is being measured. */
  readonly progress?: (line: string) => void;
}

/** How much of everything, by size. */
export interface Scale {
  /** Starts of the engine, of each kind. */
  readonly starts: number;
  /** Functions whose first request is timed. */
  readonly firsts: number;
  readonly rounds: number;
  /** Short turns of two servers after each other. */
  readonly pairs: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly connections: number;
  readonly instances: number;
  /** KV operations of one kind, and how often that is repeated. */
  readonly operations: number;
  readonly repeats: number;
  readonly streamBytes: number;
}

const MB = 2 ** 20;

export const scales: Readonly<Record<Size, Scale>> = {
  full: {
    starts: 200,
    firsts: 200,
    rounds: 5,
    pairs: 60,
    warmupMs: 1000,
    measureMs: 3000,
    connections: 32,
    instances: 200,
    operations: 1000,
    repeats: 5,
    streamBytes: 512 * MB,
  },
  quick: {
    starts: 50,
    firsts: 50,
    rounds: 3,
    pairs: 20,
    warmupMs: 500,
    measureMs: 1000,
    connections: 32,
    instances: 50,
    operations: 500,
    repeats: 3,
    streamBytes: 128 * MB,
  },
  tiny: {
    starts: 2,
    firsts: 2,
    rounds: 1,
    pairs: 2,
    warmupMs: 20,
    measureMs: 50,
    connections: 4,
    instances: 3,
    operations: 10,
    repeats: 1,
    streamBytes: MB,
  },
};

export const usage: string = `islet bench: measures this machine

  --quick        a quarter of the time, and rougher figures
  --only PARTS   some of ${parts.join(',')}
  --out DIR      where islet-bench.json and islet-bench.svg go; default bench/out
  --json         the report as JSON on stdout instead of tables
  --help         this text
`;

export interface CommandLine {
  readonly options: BenchOptions;
  readonly json: boolean;
  readonly help: boolean;
}

/** Parses the words after `islet bench`. Throws TypeError with what would work. */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...words],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      out: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const options: BenchOptions = {
    size: values.quick ? 'quick' : 'full',
    ...(values.only === undefined ? {} : { only: values.only.split(',').map(parsePart) }),
    ...(values.out === undefined ? {} : { out: values.out }),
  };
  return { options, json: values.json, help: values.help };
}

function parsePart(word: string): Part {
  const found = parts.find((part) => part === word.trim());
  if (found !== undefined) return found;
  throw new TypeError(`There is no part ${JSON.stringify(word)} to measure; use some of ${parts.join(', ')}`);
}
