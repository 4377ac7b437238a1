import { findNodeAtLocation, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';

/** JSON with comments and trailing commas, read: its value, and where everything in it stands. */
export interface JsoncText {
  /** Plain data; undefined when there are problems. */
  readonly value: unknown;
  /** What is no JSON, and keys given twice. Offsets count from 0 in UTF-16 units, a byte order mark left out. */
  readonly problems: readonly JsoncProblem[];
  /** Where the key of `path` stands; of what encloses it when the path itself is not in the text. */
  readonly offsetOf: (path: readonly (string | number)[]) => number;
  /** `line:column` of an offset, both from 1. */
  readonly positionOf: (offset: number) => string;
}

export interface JsoncProblem {
  readonly offset: number;
  readonly text: string;
}

/** Reads the text. Throws RangeError when it nests too deeply. */
export function readJsonc(text: string): JsoncText {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const errors: ParseError[] = [];
  const problems: JsoncProblem[] = [];
  const root = parseTree(source, errors, { allowTrailingComma: true, allowEmptyContent: false });
  for (const error of errors) {
    if (problems.some((problem) => problem.offset === error.offset)) continue;
    problems.push({ offset: error.offset, text: toWords(error) });
  }
  const value = root === undefined ? undefined : toValue(root, (problem) => problems.push(problem));
  return {
    value: problems.length === 0 ? value : undefined,
    problems,
    offsetOf: (path) => (root === undefined ? 0 : offsetOf(root, path)),
    positionOf: (offset) => {
      const before = source.slice(0, offset);
      return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`;
    },
  };
}

/** `CommaExpected` to `comma expected`. */
function toWords(error: ParseError): string {
  const name = printParseErrorCode(error.error);
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}

/** Unlike JSON.parse, tells of keys given twice; `__proto__` is a key like any other. */
function toValue(node: Node, report: (problem: JsoncProblem) => void): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child) => toValue(child, report));
  if (node.type !== 'object') return node.value as unknown;
  const object: Record<string, unknown> = {};
  for (const property of node.children ?? []) {
    const [key, child] = property.children ?? [];
    if (key === undefined || child === undefined) continue;
    const name = String(key.value);
    if (Object.hasOwn(object, name)) report({ offset: key.offset, text: `key "${name}" is given twice` });
    Object.defineProperty(object, name, {
      value: toValue(child, report),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

function offsetOf(root: Node, path: readonly (string | number)[]): number {
  const node = findNodeAtLocation(root, [...path]);
  if (node === undefined) return path.length === 0 ? root.offset : offsetOf(root, path.slice(0, -1));
  return node.parent?.type === 'property' ? node.parent.offset : node.offset;
}
