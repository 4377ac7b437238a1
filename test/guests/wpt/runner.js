/**
 * The function that runs one test file: its scripts come in the request, as text, and are evaluated as a browser would
 * evaluate them: in the global scope, in sloppy mode (indirect eval, which the manifest allows).
 */
const evaluate = globalThis.eval;
const { stringify } = JSON;
const Answer = Response;
const { setTimeout, clearTimeout } = globalThis;
const fileLevel = ['OK', 'ERROR', 'TIMEOUT', 'PRECONDITION_FAILED'];
const subtestLevel = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED'];
const longestMessage = 300;
/** A file that threw has no more than what it began before. */
const afterThrowMs = 1000;

export default {
  async fetch(request) {
    const { scripts, url, waitMs } = await request.json();
    const location = new URL(url);
    defineLocation(toLocation(location));
    // A shell as far as testharness.js can tell (no document, no WorkerGlobalScope); tests that ask learn that it is no
    // window, and then do as in a worker, which is the nearest thing.
    globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
    resolveAgainst(location.href);

    const tests = [];
    const ending = Promise.withResolvers();
    let thrown;
    const [harness, ...own] = scripts;
    try {
      evaluate(`${harness.source}\n//# sourceURL=${harness.name}`);
      globalThis.setup({ explicit_timeout: true });
      // Only now, or testharness.js would take it for a worker that answers its page.
      globalThis.DedicatedWorkerGlobalScope = WorkerScope;
      globalThis.add_result_callback(({ name, status, message }) => {
        tests.push([name, subtestLevel[status], toMessage(message)]);
      });
      globalThis.add_completion_callback((_tests, { status, message }) => {
        ending.resolve([fileLevel[status], toMessage(message)]);
      });
      // What is for all tests puts what it offers on the global itself.
      const shared = own.filter(({ name }) => name.startsWith('/resources/'));
      const rest = own.filter((script) => !shared.includes(script));
      const first = rest.findIndex((script) => !isAlone(script, rest));
      for (const { name, source } of [...shared, ...rest.slice(0, first)])
        evaluate(`${source}\n//# sourceURL=${name}`);
      evaluate(joinScripts(rest.slice(first)));
    } catch (error) {
      thrown = describe(error);
    }
    if (globalThis.done === undefined) return answer(['ERROR', thrown ?? 'no testharness.js'], tests);
    const timer = setTimeout(() => globalThis.timeout(), thrown === undefined ? waitMs : afterThrowMs);
    globalThis.done();
    const [status, message] = await ending.promise;
    clearTimeout(timer);
    return answer(thrown === undefined ? [status, message] : ['ERROR', thrown], tests);
  },
};

const strictMode = /^(?:\s|\/\/.*|\/\*[^]*?\*\/)*['"]use strict['"]/;

/** A script, not the test itself, that declares nothing others can only see in the same text; functions when it is strict. */
function isAlone(script, scripts) {
  if (script === scripts.at(-1)) return false;
  return !strictMode.test(script.source) && !/^(?:let|const|class)\b/m.test(script.source);
}

/**
 * One text for the other scripts of a test: what they declare by let, const and class each sees of the others, as scripts do and
 * evals do not. Strict when the test itself is.
 */
function joinScripts(scripts) {
  const test = scripts.at(-1);
  const isStrict = strictMode.test(test.source);
  const texts = scripts.map(({ source }) => source);
  return [isStrict ? "'use strict'" : '', ...texts, `//# sourceURL=${test.name}`].join('\n;');
}

/** What idlharness.js asks for: the interfaces exposed to workers are what a function should have. */
class WorkerScope {
  static [Symbol.hasInstance](value) {
    return value === globalThis;
  }
}

function answer([status, message], tests) {
  return new Answer(stringify({ status, message, tests }));
}

function toMessage(message) {
  return message === null || message === undefined ? '' : String(message).slice(0, longestMessage);
}

function describe(error) {
  try {
    return toMessage(`${error?.name}: ${error?.message}`);
  } catch {
    return 'an exception without a text';
  }
}

/** An accessor that knows its global, as WorkerGlobalScope has it. */
function defineLocation(location) {
  Object.defineProperty(globalThis, 'location', {
    get() {
      if (this === undefined || this === null || this === globalThis) return location;
      throw new TypeError('location is a property of the global scope alone');
    },
    enumerable: true,
    configurable: true,
  });
}

/** WorkerLocation, as data. */
function toLocation({ href, origin, protocol, host, hostname, port, pathname, search, hash }) {
  const location = { href, origin, protocol, host, hostname, port, pathname, search, hash };
  Object.defineProperty(location, 'toString', { value: () => href });
  return Object.freeze(location);
}

/**
 * A function has no address of its own, so islet refuses relative URLs. The tests fetch what lies beside them: here, and
 * nowhere else, URLs given as text are resolved against the test's address first.
 */
function resolveAgainst(base) {
  const { Request, URL } = globalThis;
  const absolute = (given) => {
    if (given instanceof Request || typeof given === 'symbol') return given;
    const text = `${given}`;
    return URL.parse(text, base)?.href ?? text;
  };
  const first = (args) => (args.length === 0 ? args : [absolute(args[0]), ...args.slice(1)]);
  const handler = {
    apply: (target, self, args) => Reflect.apply(target, self, first(args)),
    construct: (target, args, as) => Reflect.construct(target, first(args), as),
  };
  const replace = (owner, name) => {
    const native = owner[name];
    if (native === undefined) return;
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    const value = new Proxy(native, handler);
    Object.defineProperty(owner, name, { ...descriptor, value });
    if (native.prototype?.constructor === native)
      Object.defineProperty(native.prototype, 'constructor', { value, writable: true, configurable: true });
  };
  for (const name of ['Request', 'EventSource', 'WebSocket']) replace(globalThis, name);
  replace(Response, 'redirect');
  // fetch rejects for what cannot become text, it does not throw.
  const { fetch } = globalThis;
  globalThis.fetch = {
    fetch(...args) {
      let resolved;
      try {
        resolved = first(args);
      } catch (error) {
        return Promise.reject(error);
      }
      return Reflect.apply(fetch, undefined, resolved);
    },
  }.fetch;
  Object.defineProperty(globalThis.fetch, 'length', { value: 1, configurable: true });
}
