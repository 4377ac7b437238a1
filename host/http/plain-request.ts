import { isPlainHost } from './request-target.ts';

/** A request whose head came whole, in one piece, and leaves nothing to interpretation. */
export interface PlainRequest {
  /** The head as it came. */
  readonly text: string;
  readonly method: string;
  /** In origin-form. */
  readonly target: string;
  readonly fields: PlainFields;
  /** All of it; undefined where there is none. */
  readonly body: Uint8Array | undefined;
}

/** What follows a request line. */
export interface PlainFields {
  /** From the end of the request line through the empty line. */
  readonly text: string;
  /** Flat, as node:http gives them. */
  readonly raw: readonly string[];
  /** 0 without a body. */
  readonly contentLength: number;
  /** The client says that it is its last request. */
  readonly last: boolean;
}

/** Longer heads and more fields are node:http's. */
const mostHeadBytes = 8 * 1024;
const mostFields = 100;

const linePattern = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[\w\-.~!$&'()*+,;=:@%/?]*) HTTP\/1\.1$/;
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- tab is allowed in a value
const valuePattern = /^[\t\u0020-\u007e]*$/;
const lengthPattern = /^(?:0|[1-9][0-9]{0,8})$/;

/**
 * Reads `bytes` as exactly one request, head and body, in a small part of RFC 9112's grammar: origin-form, HTTP/1.1, CRLF,
 * one Host, no field that changes how the message is framed but one Content-Length. Undefined for anything else, which
 * is not wrong for that: node:http decides. `before` is what the same connection sent last: its fields mostly come again,
 * and a request without a body that is the same byte by byte is given as the same object.
 */
export function readPlainRequest(bytes: Buffer, before: PlainRequest | undefined): PlainRequest | undefined {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, mostHeadBytes));
  if (before?.text === text && bytes.length === text.length && before.fields.contentLength === 0)
    return before;
  const lineEnd = text.indexOf('\r\n');
  const line = linePattern.exec(lineEnd < 0 ? '' : text.slice(0, lineEnd));
  if (line === null) return undefined;
  const fields =
    before !== undefined && isAt(text, lineEnd, before.fields.text)
      ? before.fields
      : readFields(text, lineEnd);
  if (fields === undefined) return undefined;
  const headBytes = lineEnd + fields.text.length;
  if (bytes.length - headBytes !== fields.contentLength) return undefined;
  const body = fields.contentLength === 0 ? undefined : bytes.subarray(headBytes);
  return { text: text.slice(0, headBytes), method: line[1]!, target: line[2]!, fields, body };
}

/** As `text.startsWith(part, at)`, which takes half a microsecond for a browser's head (bench: warm). */
function isAt(text: string, at: number, part: string): boolean {
  return text.slice(at, at + part.length) === part;
}

function readFields(text: string, lineEnd: number): PlainFields | undefined {
  const end = text.indexOf('\r\n\r\n', lineEnd);
  if (end <= lineEnd) return undefined;
  const lines = text.slice(lineEnd + 2, end).split('\r\n');
  if (lines.length > mostFields) return undefined;
  const raw: string[] = [];
  let hosts = 0;
  let contentLength = -1;
  let connection = '';
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1);
    if (!namePattern.test(name) || !valuePattern.test(value)) return undefined;
    const trimmed = value.trim();
    raw.push(name, trimmed);
    switch (name.toLowerCase()) {
      case 'host':
        hosts++;
        if (!isPlainHost(trimmed)) return undefined;
        break;
      case 'content-length':
        if (contentLength >= 0 || !lengthPattern.test(trimmed)) return undefined;
        contentLength = Number(trimmed);
        break;
      case 'connection':
        if (connection !== '') return undefined;
        connection = trimmed.toLowerCase();
        if (connection !== 'keep-alive' && connection !== 'close') return undefined;
        break;
      case 'transfer-encoding':
      case 'trailer':
      case 'upgrade':
      case 'expect':
      case 'proxy-connection':
      case 'http2-settings':
        return undefined;
      default:
    }
  }
  if (hosts !== 1) return undefined;
  return {
    text: text.slice(lineEnd, end + 4),
    raw,
    contentLength: Math.max(0, contentLength),
    last: connection === 'close',
  };
}
