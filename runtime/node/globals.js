/** What a bundle gets when it names one of these and does not make it itself. */
export { Buffer } from './buffer.js';
export { clearImmediate, setImmediate } from './timers.js';
