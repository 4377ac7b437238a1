/// <reference lib="webworker" />
// The web platform that guests have is declared by TypeScript's own library for workers.

// oxlint-disable-next-line import/no-unassigned-import -- it declares modules by pattern, and exports nothing
import './modules.js';

export * from './bindings.js';
