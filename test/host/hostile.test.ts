import t from 'tap';
import { openTestHost } from '#test/support/host.ts';

/** Bodies of handlers that mean harm, and the codes they may end with; null: an answer of its own. */
const programs: Readonly<
  Record<string, { readonly body: string; readonly codes: readonly (string | null)[] }>
> = {
  'regex that backtracks for ever': {
    body: `/^(a+)+$/.test('a'.repeat(40) + 'b')`,
    codes: ['ERR_LIMIT_CPU'],
  },
  'flood of microtasks': {
    body: `for (;;) Promise.resolve().then(() => {})`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_MEMORY'],
  },
  'generator without end': {
    body: `for (const x of (function* () { for (;;) yield 1 })()) void x`,
    codes: ['ERR_LIMIT_CPU'],
  },
  'fill that V8 does not interrupt': {
    body: `new Array(2 ** 27).fill({})`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_MEMORY', 'ERR_CELL_LOST'],
  },
  'closures that keep arrays': {
    body: `const a = []; for (;;) { const b = new Array(1000).fill(1); a.push(() => b) }`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_MEMORY', 'ERR_CELL_LOST'],
  },
  'BigInt that squares itself': {
    body: `let b = 3n; for (;;) b = b * b`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_MEMORY', 'ERR_GUEST_THREW', 'ERR_CELL_LOST'],
  },
  'JSON of a million brackets': {
    body: `JSON.parse('['.repeat(1e6))`,
    codes: ['ERR_LIMIT_CPU', 'ERR_GUEST_THREW', 'ERR_LIMIT_MEMORY', 'ERR_CELL_LOST'],
  },
  'finalizers without end': {
    body: `const r = new FinalizationRegistry(() => {}); for (;;) r.register({}, 1)`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_MEMORY', 'ERR_CELL_LOST'],
  },
  'string that doubles': {
    body: `let s = 'x'; for (;;) s += s`,
    codes: ['ERR_GUEST_THREW', 'ERR_LIMIT_CPU', 'ERR_LIMIT_MEMORY'],
  },
  'flood of logs': {
    body: `for (;;) console.log('x'.repeat(1000))`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_LOG', 'ERR_LIMIT_MEMORY'],
  },
  'flood of timers': {
    body: `for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e6)`,
    codes: ['ERR_LIMIT_CPU', null],
  },
  'intervals that never rest': {
    body: `for (let i = 0; i < 1000; i++) setInterval(() => {}, 1); await new Promise(() => {})`,
    codes: ['ERR_LIMIT_CPU', 'ERR_LIMIT_WALL'],
  },
  'flood of headers': {
    body: `const h = new Headers(); for (let i = 0; i < 1e6; i++) h.append('x' + i, 'y'); return new Response('', { headers: h })`,
    codes: ['ERR_LIMIT_CPU', 'ERR_GUEST_RESULT', null],
  },
  eval: { body: `eval('1')`, codes: ['ERR_GUEST_THREW'] },
  Function: { body: `new Function('return 1')()`, codes: ['ERR_GUEST_THREW'] },
  'constructor of an async function': {
    body: `(async () => {}).constructor('return 1')()`,
    codes: ['ERR_GUEST_THREW'],
  },
  'WebAssembly memories without end': {
    body: `const all = []; for (;;) all.push(new WebAssembly.Memory({ initial: 64 }))`,
    codes: ['ERR_GUEST_THREW', 'ERR_LIMIT_CPU'],
  },
  'WebAssembly memories nobody keeps': {
    body: `for (;;) new WebAssembly.Memory({ initial: 64 })`,
    codes: ['ERR_GUEST_THREW', 'ERR_LIMIT_CPU'],
  },
  'WebAssembly table without end': {
    body: `new WebAssembly.Table({ element: 'anyfunc', initial: 1e7 }); return new Response('')`,
    codes: ['ERR_GUEST_THREW', 'ERR_LIMIT_MEMORY', 'ERR_LIMIT_CPU', null],
  },
  SharedArrayBuffer: { body: `new SharedArrayBuffer(1)`, codes: ['ERR_GUEST_THREW'] },
  process: { body: `process.exit(1)`, codes: ['ERR_GUEST_THREW'] },
  'rejection nobody handles': {
    body: `Promise.reject(new Error('nobody')); return new Response('')`,
    codes: [null],
  },
  'throw in a timer': {
    body: `setTimeout(() => { throw new Error('late') }, 1); await new Promise((r) => setTimeout(r, 20)); return new Response('')`,
    codes: [null],
  },
};

/** Requests after which a quick function is entered on its cell's own thread, and some more. */
const innocent = 100;

for (const requests of [0, innocent]) {
  const who = requests === 0 ? 'program' : `program that was quick for ${requests} requests`;
  void t.test(`hostile: every ${who} ends with a code, and its neighbour keeps answering`, async (t) => {
    const { host } = await openTestHost(t, { cells: 2 });
    const call = async (name: string, path = ''): Promise<{ status: number; code: string | null }> => {
      const response = await host.fetch(name, new Request(`http://guest/${path}`));
      await response.text();
      return { status: response.status, code: response.headers.get('x-islet-error') };
    };
    const deploy = (name: string, body: string) => {
      const handler = `async fetch(request) { if (request.url.endsWith('/good')) return new Response('good'); ${body} }`;
      return host.deploy(
        { files: { 'index.js': `export default { ${handler} };` } },
        { name, manifest: { limits: { wallMs: 5000, cpuMs: 60 } } },
      );
    };
    await deploy('witness', `return new Response('here')`);
    for (const [title, { body, codes }] of Object.entries(programs)) {
      await deploy('hostile', body);
      for (let i = 0; i < requests; i++) await call('hostile', 'good');
      const { code } = await call('hostile', 'bad');
      // What V8 does not interrupt holds the cell's thread until the host gives the cell up, and is tried once more.
      const late = codes.includes('ERR_CELL_LOST') ? ['ERR_LIMIT_WALL'] : [];
      t.ok([...codes, ...late].includes(code), `${title}: ${code}`);
      t.match(await call('witness'), { status: 200, code: null }, `${title}: the neighbour answers`);
    }
  });
}
