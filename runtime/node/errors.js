/** Errors as Node has them: with a code. https://nodejs.org/api/errors.html */

export function fault(type, code, message) {
  return Object.assign(new type(message), { code });
}

export function invalidType(name, expected) {
  return fault(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" argument must be ${expected}.`);
}

export function abortError(signal) {
  const error = new Error('The operation was aborted', { cause: signal?.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}
