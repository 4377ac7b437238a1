import { SourceMap } from 'node:module';

/** Frames of the bundle as isolates name them (runtime/isolate/engine.ts). */
const framePattern = /file:\/\/\/index\.js:(\d+):(\d+)/g;
/** Frames of the guest's own runtime: nothing an author could do anything about. */
const runtimeFrame = /\n {4}at [^\n]*islet:guest[^\n]*/g;

/** Reads one deployment's stacks as their author wrote the code (ECMA-426). */
export class StackMapper {
  readonly #json: string | undefined;
  #map: SourceMap | undefined;
  #broken = false;

  /** `json`: the bundle's source map; without one only the runtime's own frames are left out. */
  constructor(json: string | undefined) {
    this.#json = json;
  }

  /** The text with every place in the bundle replaced by the author's file, line and column. Never throws. */
  map(text: string): string {
    if (!text.includes('\n    at ') && !text.includes('file:///index.js')) return text;
    const own = text.replace(runtimeFrame, '');
    const map = this.#open();
    if (map === undefined) return own;
    return own.replace(framePattern, (frame, line: string, column: string) => {
      // Both are counted from 0 here and from 1 in a stack.
      const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
      if (!('originalSource' in entry)) return frame;
      return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  }

  #open(): SourceMap | undefined {
    if (this.#json === undefined || this.#broken) return undefined;
    try {
      this.#map ??= new SourceMap(JSON.parse(this.#json) as ConstructorParameters<typeof SourceMap>[0]);
    } catch {
      this.#broken = true;
    }
    return this.#map;
  }
}
