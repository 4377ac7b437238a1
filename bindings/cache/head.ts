/** Flat: name, value, …; names in lower case. */
export type Headers = readonly string[];

/** A stored response and the request it answers; its body lies behind it (`inline`) or in pieces. */
export interface Head {
  /** With its fragment, which does not count. */
  readonly url: string;
  readonly requestHeaders: Headers;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** What Response.url and Response.type say. */
  readonly responseUrl: string;
  readonly type: string;
  readonly hasBody: boolean;
  readonly bodyBytes: number;
  /** 0: the body is inline. */
  readonly pieces: number;
}

const lengthBytes = 4;

/** The value of a head's entry: length of the JSON, the JSON, and the body where it is inline. */
export function encodeHead(head: Head, inline: Uint8Array): Uint8Array {
  const json = Buffer.from(JSON.stringify(head));
  const value = new Uint8Array(lengthBytes + json.length + inline.length);
  new DataView(value.buffer).setUint32(0, json.length);
  value.set(json, lengthBytes);
  value.set(inline, lengthBytes + json.length);
  return value;
}

/** Reads what encodeHead wrote; `inline` is a copy. */
export function decodeHead(value: Uint8Array): { readonly head: Head; readonly inline: Uint8Array } {
  const length = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0);
  const end = lengthBytes + length;
  const json = Buffer.from(value.buffer, value.byteOffset + lengthBytes, length).toString();
  return { head: JSON.parse(json) as Head, inline: value.slice(end) };
}

/** The values of `name` joined with ", ", undefined when there is none. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const values = headers.filter((_, index) => index % 2 === 1 && headers[index - 1] === name);
  return values.length === 0 ? undefined : values.join(', ');
}
