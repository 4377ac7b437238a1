import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { buildExample, examplesFolder, readExamples } from '#host/cli/examples-folder.ts';
import { openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';
import { buildGuest } from '#test/support/wasm-guests.ts';
import type { WasmGuest } from '#test/support/wasm-guests.ts';

interface Check {
  /** A guest built by the same tool: where it cannot be, the example cannot either. */
  readonly like?: WasmGuest;
  readonly run: (t: Test, test: TestHost, at: string) => Promise<void>;
}

const text = async (url: string, init?: RequestInit): Promise<string> => (await fetch(url, init)).text();

const checks: Readonly<Record<string, Check>> = {
  'hello-wasm': {
    run: async (t, _, at) => {
      t.equal(await text(at), 'Hello from WebAssembly!\n');
    },
  },

  'hello-c': {
    like: 'c/cgi',
    run: async (t, { client }, at) => {
      t.equal(await text(`${at}here?a=b`), 'Hello from C!\nYou asked for /here, query "a=b".\n');
      const raw = client();
      raw.send('POST /hello-c/ HTTP/1.1', 'host: x', 'transfer-encoding: chunked');
      raw.write('7', 'louder,', '');
      await raw.until('LOUDER,');
      raw.write('7', ' please', '0', '', '');
      await raw.until(' PLEASE');
      const refused = await fetch(at, { method: 'DELETE' });
      t.same([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD, POST']);
    },
  },

  'hello-go': {
    like: 'go/cgi',
    run: async (t, _, at) => {
      t.equal(await text(at), 'Hello from Go, World!\n');
      t.equal(await text(`${at}?name=Ada`), 'Hello from Go, Ada!\n');
      t.equal(await text(`${at}visits`), '1\n');
      t.equal(await text(`${at}visits`), '2\n');
    },
  },

  'hello-assemblyscript': {
    like: 'assemblyscript/cgi',
    run: async (t, _, at) => {
      t.equal(await text(at), 'Hello from AssemblyScript!\n');
      t.equal((await fetch(`${at}elsewhere`)).status, 404);
    },
  },

  'component-js': {
    like: 'component-js',
    run: async (t, _, at) => {
      t.equal(await text(`${at}?name=Ada`), 'Hello from a component, Ada!\n');
      t.equal(await text(at, { method: 'POST', body: 'echo' }), 'echo');
      t.equal((await fetch(`${at}elsewhere`)).status, 404);
    },
  },
};

void t.test(
  'examples: those in WebAssembly answer as their READMEs say',
  { skip: withoutAddon },
  async (t) => {
    const test = await openTestHost(t);
    const examples = await readExamples(examplesFolder());
    for (const [name, { like, run }] of Object.entries(checks)) {
      const built = like === undefined ? undefined : await buildGuest(like);
      if (built?.kind === 'missing') {
        t.pass(`examples: ${name}`, { skip: `needs ${built.missing}` });
        continue;
      }
      const example = examples.find((each) => each.name === name);
      const unbuilt = example === undefined ? undefined : await buildExample(example);
      if (unbuilt?.noTool === true) {
        t.pass(`examples: ${name}`, { skip: unbuilt.line });
        continue;
      }
      await t.test(`examples: ${name}`, async (t) => {
        t.equal(unbuilt, undefined, 'its build command works');
        await test.host.deploy(join(examplesFolder(), name));
        await run(t, test, `${test.url}/${name}/`);
      });
    }
  },
);
