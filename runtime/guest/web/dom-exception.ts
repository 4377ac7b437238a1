import { shapeInterface, toText } from './webidl.ts';

const { defineProperty, setPrototypeOf } = Object;

/** Web IDL, 2.8.1: names with a legacy code. */
const codes: Readonly<Record<string, number>> = {
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
};

const constants: readonly (readonly [string, number])[] = [
  ['INDEX_SIZE_ERR', 1],
  ['DOMSTRING_SIZE_ERR', 2],
  ['HIERARCHY_REQUEST_ERR', 3],
  ['WRONG_DOCUMENT_ERR', 4],
  ['INVALID_CHARACTER_ERR', 5],
  ['NO_DATA_ALLOWED_ERR', 6],
  ['NO_MODIFICATION_ALLOWED_ERR', 7],
  ['NOT_FOUND_ERR', 8],
  ['NOT_SUPPORTED_ERR', 9],
  ['INUSE_ATTRIBUTE_ERR', 10],
  ['INVALID_STATE_ERR', 11],
  ['SYNTAX_ERR', 12],
  ['INVALID_MODIFICATION_ERR', 13],
  ['NAMESPACE_ERR', 14],
  ['INVALID_ACCESS_ERR', 15],
  ['VALIDATION_ERR', 16],
  ['TYPE_MISMATCH_ERR', 17],
  ['SECURITY_ERR', 18],
  ['NETWORK_ERR', 19],
  ['ABORT_ERR', 20],
  ['URL_MISMATCH_ERR', 21],
  ['QUOTA_EXCEEDED_ERR', 22],
  ['TIMEOUT_ERR', 23],
  ['INVALID_NODE_TYPE_ERR', 24],
  ['DATA_CLONE_ERR', 25],
];

/** Brand check; never calls guest code. */
export let isDomException: (value: unknown) => value is DOMException;

/** What V8 heads the stack with, which it writes while the object is made. */
class Heading extends Error {
  static {
    defineProperty(this.prototype, 'name', { value: 'DOMException' });
  }
}

function Same(value: object): object {
  return value;
}

let nameOf: (error: unknown) => string;
let messageOf: (error: unknown) => string;

/** Private state on an object that exists already; reading it from another one throws a TypeError. */
class State extends (Same as unknown as new (value: object) => object) {
  readonly #name: string;
  readonly #message: string;

  static {
    isDomException = (value): value is DOMException =>
      typeof value === 'object' && value !== null && #name in value;
    nameOf = (error) => (error as State).#name;
    messageOf = (error) => (error as State).#message;
  }

  constructor(value: object, name: string, message: string) {
    super(value);
    this.#name = name;
    this.#message = message;
  }
}

/**
 * Web IDL, 2.8. An Error in every way that shows (stack, prototype chain) but for its constructor, which inherits nothing;
 * name and message are accessors.
 */
export class DOMException {
  declare readonly stack?: string;

  constructor(message: unknown = '', options: unknown = 'Error') {
    const text = toText(message);
    const error: object = new Heading(text);
    delete (error as { message?: string }).message;
    const { prototype } = new.target as { prototype: unknown };
    setPrototypeOf(error, typeof prototype === 'object' ? prototype : DOMException.prototype);
    let given = options;
    if (typeof options === 'object' && options !== null) {
      const { name = 'Error', cause } = options as { name?: unknown; cause?: unknown };
      given = name;
      if ('cause' in options)
        defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
    }
    void new State(error, toText(given), text);
    return error as DOMException;
  }

  get name(): string {
    return nameOf(this);
  }

  get message(): string {
    return messageOf(this);
  }

  get code(): number {
    return codes[nameOf(this)] ?? 0;
  }
}

setPrototypeOf(DOMException.prototype, Error.prototype);
shapeInterface(DOMException.prototype, 'DOMException');
for (const [name, value] of constants) {
  defineProperty(DOMException, name, { value, enumerable: true });
  defineProperty(DOMException.prototype, name, { value, enumerable: true });
}

/** DOMException is serializable: name, message and, where it is text, the stack. */
export function cloneDomException(error: DOMException): DOMException {
  const clone = new DOMException(error.message, error.name);
  if (typeof error.stack === 'string')
    defineProperty(clone, 'stack', { value: error.stack, writable: true, configurable: true });
  return clone;
}

/** For the bootstrap, e.g. createDomException('The client went away', 'AbortError'). */
export function createDomException(message: string, name: string): Error {
  return new DOMException(message, name);
}
