import { performance } from 'node:perf_hooks';
import { WebSocket } from 'ws';
import { Histogram } from './histogram.ts';
import { serveTasks } from './tasks.ts';

interface EchoPlan {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** What came back within the time, and how long each took, ms. */
export interface Echoes {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Keeps one message of 32 bytes under way on each of so many sockets. */
async function echo(plan: EchoPlan): Promise<Echoes> {
  const sockets = await Promise.all(Array.from({ length: plan.connections }, () => connect(plan)));
  const started = performance.now();
  const from = started + plan.warmupMs;
  const until = from + plan.measureMs;
  const times = new Histogram();
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let sentAt = performance.now();
          socket.on('close', (code) => reject(new Error(`A socket was closed: ${code}`)));
          socket.on('message', () => {
            const now = performance.now();
            if (now >= from && now < until) times.add((now - sentAt) * 1000);
            if (now >= until) return resolve();
            sentAt = now;
            socket.send('a message of some thirty letters');
          });
          socket.send('a message of some thirty letters');
        }),
    ),
  );
  for (const socket of sockets) socket.terminate();
  const { p50, p99 } = times.spreadMs();
  return { perSecond: (times.count / plan.measureMs) * 1000, p50, p99 };
}

function connect({ port, path }: EchoPlan): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

serveTasks({ echo });
