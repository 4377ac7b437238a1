import {
  AbortController,
  AbortSignal as AbortSignalClass,
  abortReason as reasonOf,
  abortSignal as abort,
  createAbortSignal as createSignal,
  isAborted as hasAborted,
  onAbort as whenAborted,
} from './abort.ts';
import { atob, btoa } from './base64.ts';
import { Blob, File } from './blob.ts';
import { setCopyChunk, type TakenBody } from './body.ts';
import { CompressionStream, DecompressionStream } from './compression.ts';
import { DOMException } from './dom-exception.ts';
import { CloseEvent } from './close-event.ts';
import { CustomEvent, ErrorEvent, Event, PromiseRejectionEvent } from './event.ts';
import { EventSource } from './event-source.ts';
import { EventTarget } from './event-target.ts';
import * as exchange from './exchange.ts';
import { FileList } from './file-list.ts';
import { FileReader, FileReaderSync } from './file-reader.ts';
import { FormData } from './form-data.ts';
import { Headers } from './headers.ts';
import { setIo, type WebIo } from './io.ts';
import { queueMicrotask } from './microtask.ts';
import { BroadcastChannel } from './broadcast-channel.ts';
import { MessageChannel, MessagePort } from './message-port.ts';
import { MessageEvent } from './message-event.ts';
import { getPerformance, Performance } from './performance.ts';
import { PerformanceEntry, PerformanceMark, PerformanceMeasure } from './performance-entry.ts';
import { PerformanceObserver, PerformanceObserverEntryList } from './performance-observer.ts';
import { defineReplaceable, installGlobalEvents } from './global-scope.ts';
import { ProgressEvent } from './progress-event.ts';
import { Request as RequestClass } from './request.ts';
import { Response as ResponseClass } from './response.ts';
import type { SocketCore } from './socket-core.ts';
import type { BodyStream } from './streams.ts';
import {
  ReadableByteStreamController,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
} from './streams/readable-controllers.ts';
import { ReadableStream } from './streams/readable-stream.ts';
import { ReadableStreamBYOBReader, ReadableStreamDefaultReader } from './streams/readers.ts';
import { ByteLengthQueuingStrategy, CountQueuingStrategy } from './streams/strategies.ts';
import { TransformStream, TransformStreamDefaultController } from './streams/transform-stream.ts';
import {
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from './streams/writable-stream.ts';
import { structuredClone } from './structured-clone.ts';
import { TextDecoder } from './text-decoder.ts';
import { TextEncoder } from './text-encoder.ts';
import { TextDecoderStream, TextEncoderStream } from './text-streams.ts';
import { URLSearchParams } from './url-search-params.ts';
import { URLPattern } from './url-pattern.ts';
import { URL } from './url.ts';
import { defineGlobal } from './webidl.ts';
import { createSocket as makeSocket, WebSocket as WebSocketClass, WebSocketPair } from './websocket.ts';

export type { TakenBody } from './body.ts';
export type { SocketTarget, WebIo } from './io.ts';
export type { SocketCore, SocketData, SocketEnding, SocketListener } from './socket-core.ts';
export { handOver, type Wire } from './socket-pair.ts';
export type { BodyReader, BodyStream, ByteSink, ByteSource } from './streams.ts';
export { hasHeader } from './header-list.ts';
export { seeRequest, seeResponse, type SeenRequest, type SeenResponse } from './exchange.ts';
export { fireError } from './global-events.ts';
export { defineReplaceable } from './global-scope.ts';
export { createDomException } from './dom-exception.ts';
export { encodeBase64 } from './base64.ts';
export { decodeUtf8, encodeUtf8 } from './encoding.ts';
export { createByteStream, isReadableStream, openReader } from './streams.ts';
export { registerCloneable } from './clone-kinds.ts';
export { requireArguments, shapeInterface, toDictionary, viewBytes } from './webidl.ts';

const { apply } = Reflect;

const interfaces: Readonly<Record<string, unknown>> = {
  __proto__: null,
  AbortController,
  AbortSignal: AbortSignalClass,
  Blob,
  CloseEvent,
  CompressionStream,
  CustomEvent,
  DecompressionStream,
  DOMException,
  ErrorEvent,
  Event,
  EventSource,
  EventTarget,
  File,
  FileList,
  FileReader,
  FileReaderSync,
  FormData,
  Headers,
  BroadcastChannel,
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  MessageChannel,
  MessageEvent,
  MessagePort,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  ProgressEvent,
  PromiseRejectionEvent,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  Request: RequestClass,
  Response: ResponseClass,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
  TransformStream,
  TransformStreamDefaultController,
  URL,
  URLPattern,
  URLSearchParams,
  WebSocket: WebSocketClass,
  WebSocketPair,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};
/** Of functions, those that parts have: what they do is there when it is called. */
const operations: Readonly<Record<string, unknown>> = {
  atob(_data: unknown): string {
    return apply(atob, undefined, arguments as never);
  },
  btoa(_data: unknown): string {
    return apply(btoa, undefined, arguments as never);
  },
  queueMicrotask,
  structuredClone(_value: unknown): unknown {
    return apply(structuredClone, undefined, arguments as never);
  },
};

/** Defines every class and function as a global of the isolate, as Web IDL does. Once, before any guest code. */
export function installWeb(io: WebIo): void {
  setIo(io);
  setCopyChunk((chunk) => structuredClone(chunk));
  for (const name of Object.keys(interfaces)) defineGlobal(name, interfaces[name]);
  for (const name of Object.keys(operations)) defineGlobal(name, operations[name]);
  defineReplaceable('performance', () => getPerformance());
  installGlobalEvents();
}

// Inside this folder the classes are our own; at this border they are the global types everybody else knows.

/** A Request as a guest gets it; see exchange.ts. */
export const createIncomingRequest: (init: {
  readonly method: string;
  readonly url: string;
  /** Flat, names in lower case, trusted, never written to. */
  readonly headers: readonly string[] | (() => readonly string[]);
  readonly bytes?: Uint8Array;
  readonly stream?: () => BodyStream;
  readonly signal?: () => AbortSignal;
}) => Request = exchange.createIncomingRequest as never;

/** A Response for the answer of fetch(); see exchange.ts. */
export const createFetchResponse: (init: {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  readonly url: string;
  readonly redirected: boolean;
  readonly type: 'default' | 'error' | 'basic';
  readonly signal: AbortSignal | undefined;
  readonly bytes: Uint8Array | undefined;
  readonly stream: (() => BodyStream) | undefined;
  readonly webSocket: WebSocket | undefined;
}) => Response = exchange.createFetchResponse as never;

/** What the runtime sends out for a guest's Response; undefined for anything else; see exchange.ts. */
export const takeResponse: (value: unknown) =>
  | {
      readonly status: number;
      readonly headers: string[];
      readonly body: TakenBody;
      readonly socket: SocketCore | undefined;
    }
  | undefined = exchange.takeResponse;

/** An open WebSocket that waits for accept(); `set` gives its core a line. */
export const createSocket: (set: (core: SocketCore) => void) => WebSocket = ((set: never) =>
  makeSocket(set)) as never;

/** The arguments of fetch() taken apart; throws TypeError for what fetch() refuses; see exchange.ts. */
export const takeRequest: (
  input: unknown,
  init: unknown,
) => {
  readonly method: string;
  readonly url: string;
  readonly headers: string[];
  readonly body: TakenBody;
  readonly redirect: 'follow' | 'error' | 'manual';
  readonly integrity: string;
  readonly signal: AbortSignal | undefined;
  readonly local: Response | undefined;
} = exchange.takeRequest as never;

/** A signal nobody aborted yet; with abortSignal an AbortController without the object. */
export const createAbortSignal: () => AbortSignal = (() => createSignal()) as never;
/** No effect on an aborted signal; `reason` undefined: a new AbortError. */
export const abortSignal: (signal: AbortSignal, reason?: unknown) => void = ((
  signal: never,
  reason: unknown,
) => abort(signal, reason)) as never;
export const isAborted: (signal: AbortSignal) => boolean = ((signal: never) => hasAborted(signal)) as never;
export const abortReason: (signal: AbortSignal) => unknown = ((signal: never) => reasonOf(signal)) as never;
/** Runs once when the signal aborts, at once when it already has; returns how to stop that. */
export const onAbort: (signal: AbortSignal, run: (reason: unknown) => void) => () => void = ((
  signal: never,
  run: never,
) => whenAborted(signal, run)) as never;
