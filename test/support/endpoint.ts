import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface EndpointRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How the endpoint answers the next request: a status, a broken connection, or an answer of its own. */
export type EndpointAnswer =
  | number
  | 'reset'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

/** A real HTTP server on a free port that keeps what it is sent. */
export interface TestEndpoint {
  readonly url: string;
  readonly requests: EndpointRequest[];
  /** For the requests to come, in order; 204 when there is none. */
  readonly answers: EndpointAnswer[];
}

export async function openEndpoint(
  t: Pick<Test, 'teardown'>,
  answer?: (request: EndpointRequest) => EndpointAnswer,
): Promise<TestEndpoint> {
  const requests: EndpointRequest[] = [];
  const answers: EndpointAnswer[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const received = { method, path: url, headers, body: Buffer.concat(pieces) };
      requests.push(received);
      reply(response, answers.shift() ?? answer?.(received) ?? 204);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, answers };
}

function reply(response: ServerResponse, answer: EndpointAnswer): void {
  if (answer === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  if (typeof answer === 'number') {
    response.writeHead(answer).end();
    return;
  }
  response.writeHead(answer.status, answer.headers).end(answer.body);
}
