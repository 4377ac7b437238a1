import { EventEmitter } from './events.js';

/**
 * `node:process`: `env` and `nextTick` are the global's; the rest is what packages ask for before they do anything else.
 * `versions.node` is absent: packages take it for a promise of disks and sockets. https://nodejs.org/api/process.html
 */

const given = globalThis.process;
const emitter = new EventEmitter();
const startedMs = performance.now();

function hrtime(since) {
  const nanoseconds =
    hrtime.bigint() - (since === undefined ? 0n : BigInt(since[0]) * billion + BigInt(since[1]));
  return [Number(nanoseconds / billion), Number(nanoseconds % billion)];
}
const billion = 1_000_000_000n;
hrtime.bigint = () => BigInt(Math.round(performance.now() * 1e6));

const writes = (level) => ({
  isTTY: false,
  write(text) {
    console[level](String(text).replace(/\n$/, ''));
    return true;
  },
});

const members = {
  arch: 'wasm32',
  argv: [],
  execArgv: [],
  exitCode: undefined,
  pid: 1,
  ppid: 0,
  platform: 'linux',
  release: {},
  stderr: writes('error'),
  stdout: writes('log'),
  title: 'islet',
  version: '',
  versions: {},
  chdir() {
    throw Object.assign(new Error('A function has no folders'), { code: 'ERR_METHOD_NOT_IMPLEMENTED' });
  },
  cwd: () => '/',
  emitWarning: (warning) => console.warn(String(warning)),
  exit() {
    throw Object.assign(new Error('A function cannot end its process; return or throw instead'), {
      code: 'ERR_METHOD_NOT_IMPLEMENTED',
    });
  },
  hrtime,
  memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  umask: () => 0o22,
  uptime: () => (performance.now() - startedMs) / 1000,
};

for (const name of [
  'on',
  'once',
  'off',
  'emit',
  'addListener',
  'removeListener',
  'removeAllListeners',
  'listeners',
]) {
  const method = emitter[name];
  Object.assign(members, { [name]: (...args) => method?.apply(emitter, [...args]) });
}

const process = Object.assign(Object.create(null), members, {
  env: given.env,
  nextTick: given.nextTick,
});

export const {
  arch,
  argv,
  chdir,
  cwd,
  emit,
  emitWarning,
  env,
  execArgv,
  exit,
  exitCode,
  memoryUsage,
  nextTick,
  pid,
  platform,
  ppid,
  release,
  stderr,
  stdout,
  title,
  umask,
  uptime,
  version,
  versions,
} = process;
export { hrtime };
export default process;
