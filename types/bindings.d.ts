// What islet adds to the web platform: handlers, contexts and bindings. Needs the types of Request, Response and
// ReadableStream from a library: "webworker" (islet/types brings it) or "dom".

export * from './auth.js';
export type * from './globals.js';
export * from './handlers.js';
export * from './kv.js';
export * from './notify.js';
export * from './services.js';
export * from './sockets.js';
