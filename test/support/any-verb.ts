/** A guest that calls what a request says on `env.NAME`: `{ path: ["inbox", "list"], args: [...] }`. */
export function anyVerb(name: string): string {
  return `export default { async fetch(request, env) {
  const { path, args } = await request.json();
  try {
    let owner, method = env.${name};
    for (const each of path) { owner = method; method = method[each]; }
    return Response.json({ value: (await method.apply(owner, args)) ?? null });
  } catch (error) {
    return Response.json({ failed: error.name, code: error.code ?? null, message: error.message });
  }
} };`;
}
