/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry */
import { getOwnPropertyDescriptor, uncurry } from './primordials.ts';

/** What WebAssembly reads of a Response, by the members the class had before guest code. */
export interface ResponseParts {
  readonly ok: (response: unknown) => boolean;
  readonly contentType: (response: unknown) => string | null;
  readonly arrayBuffer: (response: unknown) => Promise<ArrayBuffer>;
}

let parts: ResponseParts | undefined;

/** Once, after the web's classes and before guest code. */
export function takeResponseParts(): void {
  const { prototype } = Response;
  const getter = (owner: object, name: string): ((self: unknown) => unknown) =>
    uncurry(getOwnPropertyDescriptor(owner, name)?.get as (this: unknown) => unknown);
  const headersOf = getter(prototype, 'headers');
  const get: (self: unknown, name: string) => string | null = uncurry(Headers.prototype.get);
  parts = {
    ok: getter(prototype, 'ok') as (response: unknown) => boolean,
    contentType: (response) => get(headersOf(response), 'content-type'),
    arrayBuffer: uncurry(prototype.arrayBuffer),
  };
}

export function responseParts(): ResponseParts {
  return parts as ResponseParts;
}
