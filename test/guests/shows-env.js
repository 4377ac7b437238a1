// Everything in env and process.env that is text.
export default {
  fetch(_request, env) {
    const texts = Object.entries(env).filter(([, value]) => typeof value === 'string');
    return Response.json({ env: Object.fromEntries(texts), process: { ...process.env } });
  },
};
