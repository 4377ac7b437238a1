import { once } from 'node:events';
import { openNotify } from './notify.ts';

/**
 * A process to be killed: publishes to "orders" and prints the id of each message once it is acknowledged, until so
 * many are; then it goes on delivering, and prints "settled" when nothing is left to do.
 */
const [dir = '', smtpUrl = '', count = '0'] = process.argv.slice(2);
const notify = await openNotify({
  dir,
  smtpUrl,
  leaseMs: 800,
  retry: { attempts: 30, baseMs: 10, mostMs: 200 },
});

async function publish(): Promise<void> {
  while (published < Number(count)) {
    published++;
    const id = await notify.publish({ title: 'Order', text: 'x', data: { at: Date.now() } });
    if (!process.stdout.write(`${id}\n`)) await once(process.stdout, 'drain');
  }
}

let published = 0;
await Promise.all(Array.from({ length: 4 }, publish));
const watch = setInterval(() => {
  void notify.store.list({ prefix: 'notify-due/', limit: 1, keysOnly: true }).then((markers) => {
    if (markers.length > 0) return;
    clearInterval(watch);
    process.stdout.write('settled\n');
  });
}, 20);
