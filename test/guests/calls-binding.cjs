/** The same as calls-binding.js, in the shape of Lambda: `B` is in the context's env. */
async function run(binding, { path, args, times = 1 }) {
  if (binding === undefined) return { missing: true };
  try {
    let value = null;
    for (let n = 0; n < times; n++) {
      let owner = binding;
      let method = binding;
      for (const name of path) [owner, method] = [method, method[name]];
      value = (await method.apply(owner, args)) ?? null;
    }
    return { value };
  } catch (error) {
    return { name: error.name, isTypeError: error instanceof TypeError, code: error.code ?? null };
  }
}

exports.handler = async (event, context) => run(context.env.B, JSON.parse(event.body));
