import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { WebSocketServer } from 'ws';
import { ownCpuMs } from './cpu.ts';
import { serveTasks } from './tasks.ts';

/** What islet's WebSockets are held against: ws by itself, answering each message with itself. */
function open(): Promise<{ port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return new Promise((resolve) => {
    server.on('listening', () => resolve({ port: (server.address() as AddressInfo).port }));
  });
}

serveTasks({ open, cpu: () => ({ hostMs: ownCpuMs() }), rss: () => process.memoryUsage.rss() });
