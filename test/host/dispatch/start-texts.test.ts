import t from 'tap';
import { StartTexts, usual } from '#host/dispatch/start-texts.ts';
import type { Target } from '#host/registry.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import type { DeploymentHead, DeploymentId, FunctionName } from '#runtime/deployment.ts';
import type { StartSpec } from '#runtime/frames.ts';
import type { StartHead } from '#runtime/guest/protocol.ts';
import { defaultLimits } from '#runtime/limits.ts';

const deployment: DeploymentHead = {
  id: 'a'.repeat(32) as DeploymentId,
  function: 'shop' as FunctionName,
  version: 3,
  limits: { ...defaultLimits, memoryMb: 64 },
  bindings: [{ name: 'NOTES', kind: 'kv', config: {} }],
  vars: { A: 'var', B: 'var' },
  cordon: 'default',
  minWarm: 0,
  routes: [],
  access: [],
  egress: defaultEgress,
  allow: ['eval'],
  createdAt: 0,
};

function targetOf(secrets: Readonly<Record<string, string>> = {}): Target {
  return { deployment, secrets, key: JSON.stringify(secrets), load: () => Promise.reject(new Error('no')) };
}

const code = { sourceBytes: 10, cacheBytes: 20 };
const program = { guest: 'command', protocol: 'cgi', reuse: 1, args: [] } as const;

void t.test('start: what a cell is told names code, limits, and what the guest may know', (t) => {
  const texts = new StartTexts('islet/test');
  const spec = JSON.parse(texts.of(targetOf({ B: 'secret' }), code, { ...usual, keep: true })) as StartSpec;
  t.match(spec, { codeId: deployment.id, ...code, memoryMb: 64, keep: true });
  t.same(JSON.parse(spec.head) as StartHead, {
    function: 'shop',
    version: 3,
    memoryMb: 64,
    vars: { A: 'var', B: 'secret' },
    bindings: [{ name: 'NOTES', kind: 'kv' }],
    agent: 'islet/test',
    allow: ['eval'],
  });
  t.end();
});

void t.test('start: it is made once for a target, and anew for other code', (t) => {
  const texts = new StartTexts('islet/test');
  const [one, other] = [targetOf(), targetOf({ KEY: 'x' })];
  const specOf = (target: Target, given: Parameters<StartTexts['of']>[1], manner = usual): StartSpec =>
    JSON.parse(texts.of(target, given, manner)) as StartSpec;
  for (let round = 0; round < 2; round++) {
    t.match(specOf(one, code), { ...code, keep: false });
    t.equal(specOf(one, code, { ...usual, keep: true }).keep, true);
    t.equal(specOf(one, code, { ...usual, apart: true }).apart, true);
    t.equal(specOf(one, code).apart, undefined);
    t.match(specOf(one, { sourceBytes: 11, cacheBytes: 20 }), { sourceBytes: 11 });
    t.match(specOf(one, { sourceBytes: 10, cacheBytes: 0 }), { sourceBytes: 10, cacheBytes: 0 });
    t.match(JSON.parse(specOf(other, code).head), { vars: { KEY: 'x' } });
    for (const wasm of [
      { artifact: 'a.cwasm', program },
      { artifact: 'b.cwasm', program },
      { artifact: 'b.cwasm', folder: 'app', program },
    ]) {
      t.same(specOf(one, { sourceBytes: 0, cacheBytes: 0, wasm }).wasm, wasm);
    }
  }
  t.end();
});
