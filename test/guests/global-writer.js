// Leaves marks wherever another function could find them, and says which it finds.
export default {
  fetch(_request, env) {
    const found = [
      ...(globalThis.marks ?? []),
      ...(Array.prototype.marks ?? []),
      ...(Symbol.for('marks') in globalThis ? [globalThis[Symbol.for('marks')]] : []),
    ];
    globalThis.marks = [env.MARK];
    Array.prototype.marks = [env.MARK];
    globalThis[Symbol.for('marks')] = env.MARK;
    return Response.json(found);
  },
};
