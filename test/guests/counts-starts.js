// How often the top level ran in this instance, and how many calls are in it now.
globalThis.starts = (globalThis.starts ?? 0) + 1;
const instance = crypto.randomUUID();
let calls = 0;
let now = 0;
let most = 0;

export default {
  async fetch(request) {
    calls += 1;
    now += 1;
    most = Math.max(most, now);
    if (new URL(request.url).pathname === '/wait') await new Promise((resolve) => setTimeout(resolve, 300));
    now -= 1;
    return Response.json({ starts: globalThis.starts, instance, calls, most });
  },
};
