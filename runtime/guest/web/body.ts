import { type AbortSignal, abortReason, isAborted } from './abort.ts';
import { type Blob, blobBytes, createBlob, isBlob } from './blob.ts';
import { decodeUtf8, decodeUtf8Body, encodeUtf8 } from './encoding.ts';
import { createFormData, entriesOf, type FormData } from './form-data.ts';
import { getHeader, type HeaderList } from './header-list.ts';
import { extractMime, serializeMime } from './mime.ts';
import { encodeMultipart, parseMultipart } from './multipart.ts';
import {
  type BodyStream,
  createByteStream,
  discard,
  isDisturbed,
  isLocked,
  isReadableStream,
  openReader,
  proxyStream,
  readAll,
  tee,
} from './streams.ts';
import { isSearchParams, parseUrlencoded } from './url-search-params.ts';
import { methodOf, toUsvString, viewBytes } from './webidl.ts';

/**
 * A body (Fetch, 2.2.4), as long as possible without a stream: `whole` is its text or bytes (shared, never written
 * to), `open` gives its stream, `stream` is the one somebody asked for and wins over both.
 */
export interface Body {
  whole: string | Uint8Array | undefined;
  open: (() => BodyStream) | undefined;
  stream: BodyStream | undefined;
  /** Consumed or taken; a stream may also be disturbed by others. */
  used: boolean;
}

/** A body on its way out of the guest. `bytes` may view a larger buffer and must not be written to. */
export type TakenBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'stream'; readonly stream: BodyStream };

/** What the mixin needs of a Request or Response. */
export interface BodyOwner {
  body: Body | null;
  list: HeaderList;
  /** Of a response: the signal its fetch was given, which fails the body too. */
  readonly fetchSignal?: AbortSignal | undefined;
}

const none: TakenBody = { kind: 'none' };

export function wholeBody(whole: string | Uint8Array): Body {
  return { whole, open: undefined, stream: undefined, used: false };
}

export function openedBody(open: () => BodyStream): Body {
  return { whole: undefined, open, stream: undefined, used: false };
}

/** Fetch, 5.2 "extract a body": the body, and the content type that goes with it where there is one. */
export function extractBody(init: unknown): { readonly body: Body; readonly type: string | undefined } {
  if (typeof init !== 'object' || init === null)
    return { body: wholeBody(toUsvString(init)), type: 'text/plain;charset=UTF-8' };
  const view = viewBytes(init);
  if (view) return { body: wholeBody(view.slice()), type: undefined };
  if (isReadableStream(init)) {
    if (isDisturbed(init) || isLocked(init))
      throw new TypeError('The stream of a body must be new: this one is locked or was read from');
    return { body: { whole: undefined, open: undefined, stream: init, used: false }, type: undefined };
  }
  if (isBlob(init)) return { body: wholeBody(blobBytes(init)), type: init.type || undefined };
  if (isSearchParams(init))
    return {
      body: wholeBody(init.toString()),
      type: 'application/x-www-form-urlencoded;charset=UTF-8',
    };
  const entries = entriesOf(init);
  if (entries) {
    const { bytes, type } = encodeMultipart(entries);
    return { body: wholeBody(bytes), type };
  }
  return { body: wholeBody(toUsvString(init)), type: 'text/plain;charset=UTF-8' };
}

/** Fetch: a body is unusable when its stream is disturbed or locked. */
export function isUsable(body: Body): boolean {
  if (body.used) return false;
  return !body.stream || (!isDisturbed(body.stream) && !isLocked(body.stream));
}

function assertUsable(body: Body): void {
  if (!isUsable(body))
    throw new TypeError('The body was used already or is locked; clone() it before the first use');
}

/** The body's stream, made on first use. */
export function streamOf(body: Body): BodyStream {
  if (body.stream) return body.stream;
  const { whole, open } = body;
  body.stream = open === undefined ? streamFrom(whole ?? '') : open();
  body.whole = undefined;
  body.open = undefined;
  if (body.used) finish(body.stream);
  return body.stream;
}

/** What was consumed without its stream leaves it as a reader would: closed and locked. */
function finish(stream: BodyStream): void {
  discard(stream);
  openReader(stream);
}

/**
 * What the streams made here hold. Frameworks write `new Response(response.body, response)` all the time: as long as
 * nobody read such a stream its text still goes out as text.
 */
const wholes = new WeakMap<object, string | Uint8Array>();
const findWhole = methodOf<(map: object, stream: object) => string | Uint8Array | undefined>(
  WeakMap.prototype,
  'get',
);
const keepWhole = methodOf<(map: object, stream: object, whole: string | Uint8Array) => void>(
  WeakMap.prototype,
  'set',
);

function streamFrom(whole: string | Uint8Array): BodyStream {
  const stream = createByteStream({
    pull(sink) {
      sink.enqueue(typeof whole === 'string' ? encodeUtf8(whole) : whole.slice());
      sink.close();
    },
  });
  keepWhole(wholes, stream, whole);
  return stream;
}

/** All of a usable body, where it is at hand. */
function wholeOf(body: Body): string | Uint8Array | undefined {
  return body.stream ? findWhole(wholes, body.stream) : body.whole;
}

/** Takes the body out for sending; TypeError when it is unusable. */
export function takeBody(body: Body | null): TakenBody {
  if (body === null) return none;
  assertUsable(body);
  const whole = wholeOf(body);
  if (whole !== undefined) {
    body.used = true;
    if (body.stream) finish(body.stream);
    return typeof whole === 'string' ? { kind: 'text', text: whole } : { kind: 'bytes', bytes: whole };
  }
  const stream = streamOf(body);
  body.used = true;
  return { kind: 'stream', stream };
}

/** Fetch, 2.2.4 "clone a body": two bodies with the same bytes; `body` stays one of them. */
export function cloneBody(body: Body): Body {
  assertUsable(body);
  const whole = wholeOf(body);
  if (whole !== undefined) return wholeBody(whole);
  const [first, second] = tee(streamOf(body), copyChunk);
  body.stream = first;
  return { whole: undefined, open: undefined, stream: second, used: false };
}

/**
 * structuredClone, set by index.ts, since it knows bodies: the second of two readers must not see what the first does to a
 * chunk (Streams, 4.9.1, step 3).
 */
let copyChunk: (chunk: unknown) => unknown;
export function setCopyChunk(copy: typeof copyChunk): void {
  copyChunk = copy;
}

/** Moves the bytes into another body and leaves this one used (Fetch, Request constructor: "create a proxy"). */
export function moveBody(body: Body): Body {
  assertUsable(body);
  const { whole, open, stream } = body;
  body.used = true;
  if (stream) return { whole: undefined, open: undefined, stream: proxyStream(stream), used: false };
  return { whole, open, stream: undefined, used: false };
}

type Convert<T> = (whole: string | Uint8Array, owner: BodyOwner) => T;

/** Fetch, 5.2 "consume body". */
function consume<T>(owner: BodyOwner, convert: Convert<T>): Promise<T> {
  try {
    const { fetchSignal } = owner;
    if (fetchSignal !== undefined && owner.body !== null && isAborted(fetchSignal))
      throw abortReason(fetchSignal);
    const taken = takeBody(owner.body);
    switch (taken.kind) {
      case 'none':
        return Promise.resolve(convert('', owner));
      case 'text':
        return Promise.resolve(convert(taken.text, owner));
      case 'bytes':
        return Promise.resolve(convert(taken.bytes, owner));
      case 'stream':
        return readAll(taken.stream, (bytes) => convert(bytes, owner));
    }
  } catch (error) {
    return Promise.reject(error);
  }
}

const toText: Convert<string> = (whole) => {
  if (typeof whole !== 'string') return decodeUtf8Body(whole);
  return whole.charCodeAt(0) === 0xfeff ? whole.slice(1) : whole;
};
const { parse } = JSON;
const toJson: Convert<unknown> = (whole, owner) => parse(toText(whole, owner)) as unknown;
/** A copy: what a guest gets it may write to and transfer. */
const toBytes: Convert<Uint8Array> = (whole) =>
  typeof whole === 'string' ? encodeUtf8(whole) : whole.slice();
const toBuffer: Convert<ArrayBuffer> = (whole, owner) => toBytes(whole, owner).buffer as ArrayBuffer;
const toBlob: Convert<Blob> = (whole, owner) => createBlob(toBytes(whole, owner), typeOf(owner));

function typeOf({ list }: BodyOwner): string {
  const mime = extractMime(list);
  return mime === undefined ? '' : serializeMime(mime);
}

const toFormData: Convert<FormData> = (whole, owner) => {
  const mime = extractMime(owner.list);
  const essence = mime?.essence;
  if (essence === 'application/x-www-form-urlencoded')
    return createFormData(parseUrlencoded(typeof whole === 'string' ? whole : decodeUtf8(whole)));
  if (essence === 'multipart/form-data') {
    const bytes = typeof whole === 'string' ? encodeUtf8(whole) : whole;
    return createFormData(parseMultipart(bytes, mime?.parameters.get('boundary') ?? ''));
  }
  const type = getHeader(owner.list, 'content-type') ?? '';
  throw new TypeError(
    `Cannot read a form: the content type is ${JSON.stringify(type)}, not multipart/form-data or application/x-www-form-urlencoded`,
  );
};

/**
 * Fetch, 5.2 "Body mixin", on the prototype of Request or Response.
 * @param ownerOf the state behind `this`; throws TypeError for anything else
 */
export function mixinBody(prototype: object, ownerOf: (self: unknown) => BodyOwner): void {
  const read = <T>(self: unknown, convert: Convert<T>): Promise<T> => {
    let owner: BodyOwner;
    try {
      owner = ownerOf(self);
    } catch (error) {
      return Promise.reject(error);
    }
    return consume(owner, convert);
  };
  const mixin = {
    get body(): BodyStream | null {
      const { body } = ownerOf(this);
      return body && streamOf(body);
    },
    get bodyUsed(): boolean {
      const { body } = ownerOf(this);
      if (body === null) return false;
      return body.used || (body.stream !== undefined && isDisturbed(body.stream));
    },
    arrayBuffer(): Promise<ArrayBuffer> {
      return read(this, toBuffer);
    },
    blob(): Promise<Blob> {
      return read(this, toBlob);
    },
    bytes(): Promise<Uint8Array> {
      return read(this, toBytes);
    },
    formData(): Promise<FormData> {
      return read(this, toFormData);
    },
    json(): Promise<unknown> {
      return read(this, toJson);
    },
    text(): Promise<string> {
      return read(this, toText);
    },
  };
  Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(mixin));
}
