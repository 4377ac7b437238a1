import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

void t.test('MessagePort: messages are copies, in order, and wait for start', async (t) => {
  const program = `const { port1, port2 } = new MessageChannel();
    const seen = [];
    const message = { n: 1 };
    port1.postMessage(message);
    message.n = 2;
    port1.postMessage(message);
    port2.addEventListener('message', ({ data, isTrusted, ports }) => seen.push(data.n, isTrusted, ports.length));
    await tick();
    seen.push('started');
    port2.start();
    await tick();
    return seen`;
  t.strictSame(await guest.run(withTick(program)), ['started', 1, true, 0, 2, true, 0]);
});

void t.test(
  'MessagePort: a transferred port takes what waits for it along, and the old one is mute',
  async (t) => {
    const program = `const [one, two] = [new MessageChannel(), new MessageChannel()];
    const seen = [];
    two.port1.postMessage('early');
    two.port2.onmessage = () => seen.push('old');
    one.port1.postMessage('take', [two.port2]);
    const [moved] = await new Promise((resolve) => { one.port2.onmessage = ({ ports }) => resolve(ports); });
    moved.onmessage = ({ data }) => seen.push(data);
    two.port1.postMessage('late');
    two.port2.postMessage('nobody');
    await tick();
    return seen`;
    t.strictSame(await guest.run(withTick(program)), ['early', 'late']);
  },
);

void t.test('MessagePort: what cannot be sent is refused, and nothing moves', async (t) => {
  const program = `const { port1, port2 } = new MessageChannel();
    const bytes = new ArrayBuffer(8);
    const other = new MessageChannel().port1;
    const names = [() => port1.postMessage(() => 1, [bytes]), () => port1.postMessage(1, [port1]), () => port1.postMessage(other),
      () => port1.postMessage(1, [other, other]), () => port1.postMessage(1, { transfer: 3 }), () => port1.postMessage(),
      () => new MessagePort()].map((run) => { try { run(); return 'none' } catch (error) { return error.name } });
    return [names, bytes.byteLength]`;
  const clone = 'DataCloneError';
  t.strictSame(await guest.run(program), [
    [clone, clone, clone, clone, 'TypeError', 'TypeError', 'TypeError'],
    8,
  ]);
});

void t.test('MessagePort: the other end hears that it was closed', async (t) => {
  const program = `const { port1, port2 } = new MessageChannel();
    const seen = [];
    port2.onclose = () => seen.push('close');
    port2.onmessage = () => seen.push('message');
    port1.close();
    port1.postMessage(1);
    await tick();
    return seen`;
  t.strictSame(await guest.run(withTick(program)), ['close']);
});

void t.test('BroadcastChannel: all others of its name hear it, itself and closed ones do not', async (t) => {
  const program = `const [a, b, c, d] = ['x', 'x', 'y', 'x'].map((name) => new BroadcastChannel(name));
    const seen = [];
    for (const [name, channel] of Object.entries({ a, b, c, d })) channel.onmessage = ({ data }) => seen.push(name + data);
    d.close();
    a.postMessage(1);
    await tick();
    try { d.postMessage(1) } catch (error) { seen.push(error.name) }
    return seen`;
  t.strictSame(await guest.run(withTick(program)), ['b1', 'InvalidStateError']);
});

void t.test('structuredClone: a port moves, a listed value that cannot is refused', async (t) => {
  const program = `const { port1, port2 } = new MessageChannel();
    const { port } = structuredClone({ port: port1 }, { transfer: [port1] });
    const got = new Promise((resolve) => { port2.onmessage = ({ data }) => resolve(data); });
    port.postMessage('hi');
    const names = [{}, 1].map((item) => { try { structuredClone(1, { transfer: [item] }) } catch (error) { return error.name } });
    return [port !== port1, await got, names]`;
  t.strictSame(await guest.run(program), [true, 'hi', ['DataCloneError', 'TypeError']]);
});

/** Long enough for all tasks of this isolate, which are microtasks here. */
function withTick(program: string): string {
  return `const tick = async () => { for (let i = 0; i < 20; i++) await null }; ${program}`;
}
