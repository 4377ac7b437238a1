// What the guest sees of the request.
export default {
  async fetch(request, env) {
    return Response.json({
      mark: env.MARK,
      method: request.method,
      url: request.url,
      headers: [...request.headers],
      body: await request.text(),
    });
  },
};
