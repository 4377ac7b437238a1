import type { Message } from 'esbuild';
import { isBuiltin } from 'node:module';
import { HostError } from '#runtime/errors.ts';
import { nodeModuleNames } from './node-modules.ts';
import type { OpenSource } from './source.ts';

/** More than this many errors help nobody. */
const most = 20;

/** All errors of a build as one HostError ERR_BUILD: `file:line:column: text`, the source line, a mark under the place. */
export function buildError(source: OpenSource, errors: readonly Message[], cause: unknown): HostError {
  const shown = errors.slice(0, most).map((error) => toLine(error, source.root) + excerpt(error));
  if (errors.length > most) shown.push(`and ${errors.length - most} more`);
  const count = errors.length === 1 ? '1 error' : `${errors.length} errors`;
  return new HostError('ERR_BUILD', `Cannot build ${source.entry}: ${count}\n${shown.join('\n')}`, { cause });
}

/** `src/index.ts:3:14: text`; line and column count from 1, the column in UTF-16 units as editors do. */
export function toLine(message: Message, root: string): string {
  const text = toText(message.text).replaceAll(`${root}/`, '');
  if (message.location === null) return text;
  const { file, line } = message.location;
  return `${file}:${line}:${columnOf(message.location) + 1}: ${text}`;
}

function toText(text: string): string {
  const name = /^Could not resolve "(.+)"$/.exec(text)?.[1];
  if (name === undefined) return text;
  if (isBuiltin(name)) {
    return `Cannot import "${name}": it is built into Node and no function has it; use a web standard or a binding instead. Of Node's modules there are ${nodeModuleNames.join(', ')}`;
  }
  if (/^[./#]/.test(name)) return text;
  return `${text}: no such package is installed beside the function`;
}

type Location = NonNullable<Message['location']>;

/** esbuild counts bytes. */
function columnOf({ lineText, column }: Location): number {
  return Buffer.from(lineText).subarray(0, column).toString().length;
}

/** The line itself with a caret; lines of minified files are cut down to what surrounds the place. */
function excerpt({ location }: Message): string {
  if (location === null || location.lineText === '') return '';
  const column = columnOf(location);
  const start = column > 80 ? column - 40 : 0;
  const shown = location.lineText.slice(start, start + 100);
  const indent = shown.slice(0, column - start).replace(/[^\t]/g, ' ');
  return `\n    ${shown}\n    ${indent}^`;
}
