import library from '@jspm/core/nodelibs/assert';

/** `node:assert`; the library has two functions that its list of names lacks. https://nodejs.org/api/assert.html */
export * from '@jspm/core/nodelibs/assert';
export const match = library.match;
export const doesNotMatch = library.doesNotMatch;
export default library;
