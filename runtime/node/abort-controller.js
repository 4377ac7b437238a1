/** Stands in for the npm package of that name, which is older than the web's own. */
export const { AbortController, AbortSignal } = globalThis;
export default AbortController;
