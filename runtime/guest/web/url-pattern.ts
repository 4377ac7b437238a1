import { URLPattern as URLPatternLibrary } from 'urlpattern-polyfill/urlpattern';
import { isObject, requireArguments, shapeInterface, toDictionary, toUsvString } from './webidl.ts';

type Init = Readonly<Record<string, string>>;
type Input = string | Init;

/** The class of the library. */
interface Library {
  new (input: Input, base: string | { ignoreCase: boolean }, options?: { ignoreCase: boolean }): Pattern;
  compareComponent(name: string, left: Pattern, right: Pattern): number;
}

interface Pattern {
  readonly hasRegExpGroups: boolean;
  readonly [component: string]: unknown;
  test(input: Input, base?: string): boolean;
  exec(input: Input, base?: string): object | null;
}

const Library = URLPatternLibrary as unknown as Library;

const components = ['protocol', 'username', 'password', 'hostname', 'port', 'pathname', 'search', 'hash'];
/** In the order Web IDL reads them. */
const members: readonly string[] = [...components, 'baseURL'].sort();

/** URLPatternInput: text, or a dictionary of texts. */
function toInput(value: unknown): Input {
  if (value === undefined) return {};
  if (!isObject(value) && typeof value !== 'function' && value !== null) return toUsvString(value);
  const init = { __proto__: null } as unknown as Record<string, string>;
  const given = toDictionary(value, 'The input of a URLPattern');
  for (const name of members) {
    const member = given[name];
    if (member !== undefined) init[name] = toUsvString(member);
  }
  return init;
}

function toOptions(value: unknown): { ignoreCase: boolean } {
  return { ignoreCase: Boolean(toDictionary(value, 'The options of a URLPattern').ignoreCase) };
}

function toBase(value: unknown): string | undefined {
  return value === undefined ? undefined : toUsvString(value);
}

/** URL Pattern, 1.1: Web IDL around the library's class. */
export class URLPattern {
  readonly #pattern: Pattern;

  static compareComponent(component: unknown, left: unknown, right: unknown): number {
    requireArguments(arguments.length, 3, 'URLPattern.compareComponent');
    const name = toUsvString(component);
    if (!components.includes(name)) throw new TypeError(`A URLPattern has no component ${name}`);
    return Library.compareComponent(name, (left as URLPattern).#pattern, (right as URLPattern).#pattern);
  }

  constructor(input: unknown = undefined, base: unknown = undefined, options: unknown = undefined) {
    const given = toInput(input);
    // Overloads: options may come second.
    if (arguments.length < 3 && (base === undefined || base === null || isObject(base)))
      this.#pattern = new Library(given, toOptions(base));
    else this.#pattern = new Library(given, toUsvString(base), toOptions(options));
  }

  get protocol(): string {
    return this.#pattern.protocol as string;
  }
  get username(): string {
    return this.#pattern.username as string;
  }
  get password(): string {
    return this.#pattern.password as string;
  }
  get hostname(): string {
    return this.#pattern.hostname as string;
  }
  get port(): string {
    return this.#pattern.port as string;
  }
  get pathname(): string {
    return this.#pattern.pathname as string;
  }
  get search(): string {
    return this.#pattern.search as string;
  }
  get hash(): string {
    return this.#pattern.hash as string;
  }
  get hasRegExpGroups(): boolean {
    return this.#pattern.hasRegExpGroups;
  }

  test(input: unknown = undefined, baseURL: unknown = undefined): boolean {
    return this.#pattern.test(toInput(input), toBase(baseURL));
  }

  exec(input: unknown = undefined, baseURL: unknown = undefined): object | null {
    return this.#pattern.exec(toInput(input), toBase(baseURL));
  }
}

shapeInterface(URLPattern.prototype, 'URLPattern');
