/** `node:os`, as far as it says nothing about the machine. https://nodejs.org/api/os.html */
export const EOL = '\n';
export const devNull = '/dev/null';
export const constants = { signals: {}, errno: {}, priority: {} };
export const arch = () => 'wasm32';
export const platform = () => 'linux';
export const type = () => 'Linux';
export const endianness = () => 'LE';
export const hostname = () => 'localhost';
export const homedir = () => '/';
export const tmpdir = () => '/tmp';
export const release = () => '';
export const version = () => '';
export const cpus = () => [];
export const availableParallelism = () => 1;
export default {
  EOL,
  devNull,
  constants,
  arch,
  platform,
  type,
  endianness,
  hostname,
  homedir,
  tmpdir,
  release,
  version,
  cpus,
  availableParallelism,
};
