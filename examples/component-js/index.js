// JavaScript inside a WebAssembly component: componentize-js packs it together with an engine of its own, and what
// comes out serves wasi:http. It runs on every host of components, here with islet's limits around it.
addEventListener('fetch', (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname !== '/') return new Response(`There is nothing at ${pathname}\n`, { status: 404 });
  if (request.method === 'POST') return new Response(request.body);
  return new Response(`Hello from a component, ${searchParams.get('name') ?? 'World'}!\n`, {
    headers: { 'content-type': 'text/plain;charset=UTF-8' },
  });
}
