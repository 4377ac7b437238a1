import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { ownCpuMs } from './cpu.ts';
import { helloText } from './guests.ts';
import { serveTasks } from './tasks.ts';

/** What islet is held against: node:http with the same answers and nothing else. */
function respond(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/echo') return echo(request, response);
  if (request.url === '/pipe') {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    request.pipe(response);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain;charset=UTF-8', 'content-length': helloText.length });
  response.end(helloText);
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const text = JSON.stringify(JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  });
}

function open(): Promise<{ port: number }> {
  const server = createServer(respond);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port }));
  });
}

serveTasks({ open, cpu: () => ({ hostMs: ownCpuMs() }), rss: () => process.memoryUsage.rss() });
