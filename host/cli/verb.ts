import type { Arguments } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** A flag as the table of verbs has it; the key is its name without `--`. */
export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What the help calls its value. */
  readonly value?: string;
  readonly help: string;
}

/** One thing `islet` does. */
export interface Verb {
  /** One word, or two for a verb of a group: `secret put`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name, e.g. `NAME [VERSION]`. */
  readonly operands: string;
  /** Fewest and most operands. */
  readonly count: { readonly least: number; readonly most: number };
  readonly flags: Readonly<Record<string, Flag>>;
  /** Paragraphs for its help. */
  readonly details?: readonly string[];
  readonly examples?: readonly string[];
  /** Everything after the verb goes on unread. */
  readonly passThrough?: boolean;
  /** Resolves to the exit code. */
  run(args: Arguments, context: Context): Promise<number>;
}

/** What a verb has of the process it runs in. */
export interface Context {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** islet's version. */
  readonly version: string;
  /** Aborts at the first Ctrl-C; the second one ends the process. */
  readonly signal: AbortSignal;
}

export const jsonFlag: Readonly<Record<string, Flag>> = {
  json: { type: 'boolean', help: 'JSON for machines' },
};

/** Flags of every verb that calls a host. */
export const adminFlags: Readonly<Record<string, Flag>> = {
  admin: {
    type: 'string',
    value: 'URL',
    help: 'Admin address; also ISLET_ADMIN. Default: the host of --dir',
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    help: 'Admin token; also ISLET_TOKEN. Default: the file DIR/token',
  },
  dir: { type: 'string', value: 'DIR', help: 'Data directory of the host. Default: .islet' },
  ...jsonFlag,
};
