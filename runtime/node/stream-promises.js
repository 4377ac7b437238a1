import stream from './stream.js';

/** `node:stream/promises`. https://nodejs.org/api/stream.html#streams-promises-api */
export const { finished, pipeline } = stream.promises;
export default stream.promises;
