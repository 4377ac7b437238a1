import { createHash, randomBytes } from 'node:crypto';

/** Where the keys of all spaces begin: `notify/<cordon>/<space>/…`, the parts percent-encoded. */
const root = 'notify/';
/** `notify-due/<cordon>/<space>` is there while the space has something to deliver. */
export const markerPrefix = 'notify-due/';

/** Topics, subscriptions, inboxes and the outbox that functions of one cordon share by naming them. */
export class Space {
  readonly cordon: string;
  readonly name: string;
  readonly #prefix: string;

  constructor(cordon: string, name: string) {
    this.cordon = cordon;
    this.name = name;
    this.#prefix = `${root}${encodeURIComponent(cordon)}/${encodeURIComponent(name)}/`;
  }

  /** A key of this space; no part can hold a slash. */
  key(...parts: readonly string[]): string {
    return this.#prefix + parts.map(encodeURIComponent).join('/');
  }

  /** The same with a slash at its end. */
  under(...parts: readonly string[]): string {
    return `${this.key(...parts)}/`;
  }

  get marker(): string {
    return `${markerPrefix}${encodeURIComponent(this.cordon)}/${encodeURIComponent(this.name)}`;
  }

  static ofMarker(key: string): Space {
    const [, cordon = '', name = ''] = key.split('/');
    return new Space(decodeURIComponent(cordon), decodeURIComponent(name));
  }
}

const timeDigits = 14;

/** Milliseconds since the epoch so that keys sort by them. */
export function toTime(at: number): string {
  return String(Math.max(0, Math.trunc(at))).padStart(timeDigits, '0');
}

export function lastPart(key: string): string {
  return decodeURIComponent(key.slice(key.lastIndexOf('/') + 1));
}

/** An id of 16 random bytes in hex behind a word: `msg_…`, `sub_…`. */
export function newId(word: string): string {
  return `${word}_${randomBytes(16).toString('hex')}`;
}

export function shortHash(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
