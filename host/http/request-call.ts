import type { RequestCall } from '#host/call.ts';
import type { Match, Registry } from '#host/registry.ts';
import { requestJson } from '#host/dispatch/messages.ts';
import type { Connection } from './connection.ts';
import { outcomeRefusal, refusals } from './error-answer.ts';
import type { Refusal } from './error-answer.ts';
import type { KnownHead } from './known-head.ts';
import { gatherBytes } from './request-body.ts';
import { parseTarget } from './request-target.ts';
import type { RequestTarget } from './request-target.ts';

/** A request as far as its call depends on it, whoever parsed it. */
export interface Asked {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  readonly known: KnownHead;
  readonly connection: Connection;
}

/** Where a request goes, or why it goes nowhere. */
export type Found =
  | { readonly refusal: Refusal }
  | { readonly refusal: undefined; readonly target: RequestTarget; readonly match: Match };

/** Looks up the function a request is for. */
export function findFunction(registry: Pick<Registry, 'match'>, asked: Asked): Found {
  const { host, contentLength } = asked.known.head;
  if (host === undefined) return noHost;
  const target = parseTarget(asked.target, host);
  if (target === undefined) return badTarget;
  const match = registry.match(target.authority.hostname, target.path);
  if (match === undefined) return { refusal: noFunction(target) };
  if (contentLength > match.target.deployment.limits.requestBodyBytes) return bodyTooLong;
  return { refusal: undefined, target, match };
}

/** The call a request becomes, without its body. */
export function toCall(asked: Asked, target: RequestTarget, match: Match): RequestCall {
  const { method, known, connection } = asked;
  const { head } = known;
  const { prefix } = match;
  const { host } = target.authority;
  const headers = known.forGuest({ host, prefix, ip: connection.ip });
  const path = prefix === '' ? target.path : target.path.slice(prefix.length) || '/';
  const forwardedFor = head.forwarded.for;
  const url = `${head.forwarded.proto === 'https' ? 'https' : 'http'}://${host}${path}${target.query}`;
  const ip = forwardedFor === '' ? connection.ip : lastAddress(forwardedFor);
  return {
    kind: 'request',
    method,
    url,
    headers: headers.list,
    json: requestJson({ method, url, headersJson: headers.json, ip }),
    streamed: head.chunked || head.contentLength > gatherBytes,
    ip,
  };
}

function lastAddress(list: string): string {
  return list.slice(list.lastIndexOf(',') + 1).trim();
}

const noHost: Found = {
  refusal: refusals.malformed('Cannot route the request: it needs exactly one Host header'),
};
const badTarget: Found = {
  refusal: refusals.malformed(
    'Cannot route the request: its address or its Host header is not valid; send a path that begins with "/"',
  ),
};
const bodyTooLong: Found = { refusal: outcomeRefusal({ kind: 'exceeded', limit: 'requestBodyBytes' }) };

function noFunction(target: RequestTarget): Refusal {
  const { host } = target.authority;
  return refusals.noFunction(
    `No function answers at "${host}${target.path}"; deploy one with \`islet deploy <file-or-folder> --name NAME\`, ` +
      `then call http://${host}/NAME/, or see what there is with \`islet list\``,
  );
}
