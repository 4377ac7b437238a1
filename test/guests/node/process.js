// Everything here must say in Node what it says in a function.
import process, { env, nextTick } from 'node:process';
import { clearImmediate, setImmediate as immediate, setTimeout as timeout } from 'node:timers';
import { setImmediate as turn, setInterval as every, setTimeout as sleep } from 'node:timers/promises';

export async function run() {
  const order = [];
  await new Promise((resolve) => {
    setImmediate(() => {
      order.push('immediate');
      resolve();
    });
    global.process.nextTick((value) => order.push(value), 'tick');
    nextTick(() => order.push('tick too'));
    order.push('now');
  });
  const timer = timeout(() => order.push('never'), 5);
  const refs = [timer.hasRef(), timer.unref().hasRef(), timer.ref().hasRef()];
  clearTimeout(timer);
  clearImmediate(immediate(() => order.push('never')));
  let beats = 0;
  for await (const value of every(1, 'beat')) if (value !== 'beat' || ++beats === 3) break;
  const stopped = await sleep(1000, 0, { signal: AbortSignal.abort() }).catch(({ name, code }) => [
    name,
    code,
  ]);
  await sleep(8);
  return {
    order,
    refs,
    beats,
    stopped,
    turn: await turn('value'),
    env: [env === process.env, process.env.NOT_THERE ?? null],
    hrtime: [typeof process.hrtime.bigint(), process.hrtime().length],
    same: global === globalThis,
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};
