/// <reference lib="webworker" />
// The web platform that guests have is declared by TypeScript's own library for workers.

export * from './bindings.js';
