import { headerSecrets } from '#host/deploy/manifest-egress.ts';
import type { Manifest } from '#host/deploy/manifest-rules.ts';

/** The type of `env.NAME` by kind, as types/bindings.d.ts has it. */
const bindingTypes: ReadonlyMap<string, string> = new Map([
  ['assets', 'Assets'],
  ['auth', 'Auth'],
  ['function', 'Service'],
  ['kv', 'KVNamespace'],
  ['notify', 'Notify'],
]);
const anyBinding = 'Capability';
const secretMark = '/** A secret. */';

export interface EnvOptions {
  readonly secrets: readonly string[];
  /** The project has the types of a browser, which those of a worker would contradict. */
  readonly dom: boolean;
}

/** The text of islet-env.d.ts: a global `Env` with vars, secrets and bindings. The same input gives the same text. */
export function formatEnv(
  { vars = {}, bindings = {}, egress }: Manifest,
  { secrets, dom }: EnvOptions,
): string {
  const kinds = Object.entries(bindings).map(
    ([name, { kind }]) => [name, bindingTypes.get(kind) ?? anyBinding] as const,
  );
  // A secret that the host fills into headers is in no guest (host/deploy/targets.ts).
  const filledIn = egress === undefined ? [] : headerSecrets(egress);
  const taken = new Set([...Object.keys(vars), ...Object.keys(bindings), ...filledIn]);
  const imports = [...new Set(kinds.map(([, type]) => type))].sort();
  const lines = [
    ...Object.keys(vars).map((name) => `${name}: string;`),
    ...[...new Set(secrets)]
      .sort()
      .flatMap((name) => (taken.has(name) ? [] : [secretMark, `${name}: string;`])),
    ...kinds.map(([name, type]) => `${name}: ${type};`),
  ];
  return [
    '// Written by `islet types` from islet.json; run it again after a change.',
    `import type { ${imports.join(', ')} } from 'islet/types${dom ? '/bindings' : ''}';`.replace(
      '{  }',
      '{}',
    ),
    '',
    'declare global {',
    '  interface Env {',
    ...lines.map((line) => `    ${line}`),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** The secrets that a file of formatEnv names. */
export function secretsIn(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.flatMap((line, i) => (lines[i - 1] === secretMark ? [line.replace(/:.*$/, '')] : []));
}
