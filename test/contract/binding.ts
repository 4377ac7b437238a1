import { defaultEgress } from '#runtime/deployment.ts';
import * as fc from 'fast-check';
import type { Test } from 'tap';
import type { Answer, Attachment, Binding, Grant, Operation } from '#runtime/binding.ts';
import { asked, type AskedGrant } from '#test/support/asked.ts';
import type { DeploymentHead, DeploymentId, FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { defaultLimits } from '#runtime/limits.ts';

/** What the suite must know of one binding: each binding's test supplies these. */
export interface BindingCase {
  /** A binding over state of its own. */
  make(t: Test): Promise<Binding>;
  /** Configs as a manifest may hold them, that must parse. */
  readonly configs: readonly unknown[];
  /** Configs that must be refused, beside unknown keys. */
  readonly badConfigs: readonly unknown[];
  /** A key the config takes, for the suggestion at a misspelt one. */
  readonly configKey: string;
  /** Of the grants here, where a binding needs one. */
  readonly config?: unknown;
  readonly methods: readonly string[];
  /** Members its operations take, each with values that are good somewhere: without them few operations get far. */
  readonly members: Readonly<Record<string, readonly unknown[]>>;
  /** Methods whose answers go on until their reader leaves. */
  readonly endless?: readonly string[];
  /** Leaves a trace through a grant. */
  mark(grant: AskedGrant): Promise<unknown>;
  /** True when the trace can be seen through a grant. */
  sees(grant: AskedGrant): Promise<boolean>;
}

/** Among a case's good values: an id that an answer of the same run gave. */
export const anId = 'an id that was given';

export interface DeploymentFacts {
  readonly function?: string;
  readonly cordon?: string;
}

/** A deployment head with what a binding looks at. */
export function deploymentOf(facts: DeploymentFacts = {}): DeploymentHead {
  return {
    id: '0'.repeat(32) as DeploymentId,
    function: (facts.function ?? 'shop') as FunctionName,
    version: 1,
    limits: defaultLimits,
    bindings: [],
    vars: {},
    cordon: facts.cordon ?? 'default',
    minWarm: 0,
    routes: [],
    access: [],
    egress: defaultEgress,
    createdAt: 0,
  };
}

/** A grant as an invocation gets it: from manifest config to grant. */
export function grantOf(
  binding: Binding,
  config?: unknown,
  facts: DeploymentFacts & { readonly name?: string; readonly signal?: AbortSignal } = {},
): AskedGrant {
  const attachment = attachmentOf(binding, config, facts);
  return asked(
    attachment.grant({
      invocationId: '00000000-0000-4000-8000-000000000000',
      signal: facts.signal ?? new AbortController().signal,
      origin: { depth: 0 },
    }),
  );
}

export function attachmentOf(
  binding: Binding,
  config?: unknown,
  facts: DeploymentFacts & { readonly name?: string } = {},
): Attachment {
  const declaration = { name: facts.name ?? 'BOUND', kind: binding.kind, config: binding.parse(config) };
  return binding.attach(declaration, deploymentOf(facts));
}

/** The laws of every Binding. */
export function bindingContract(t: Test, given: BindingCase): void {
  void t.test('parse takes what a manifest may hold, and its own result again', async (t) => {
    const binding = await given.make(t);
    for (const config of given.configs) {
      const parsed = binding.parse(config);
      t.same(binding.parse(parsed), parsed);
      t.same(structuredClone(parsed), parsed);
    }
  });

  void t.test('parse refuses the rest with a TypeError', async (t) => {
    const binding = await given.make(t);
    for (const config of given.badConfigs) t.throws(() => binding.parse(config), TypeError);
    t.throws(() => binding.parse([]), TypeError);
    t.throws(() => binding.parse(42), TypeError);
  });

  void t.test('parse refuses an unknown key, naming it and the nearest one', async (t) => {
    const binding = await given.make(t);
    const misspelt = `${given.configKey}s`;
    const refusal = refusalOf(() => binding.parse({ [misspelt]: 'x' }));
    t.type(refusal, TypeError);
    t.match(refusal?.message, misspelt);
    t.match(refusal?.message, JSON.stringify(given.configKey));
    t.throws(() => binding.parse(JSON.parse('{"__proto__": 1}')), TypeError);
  });

  void t.test('an unknown method rejects with TypeError', async (t) => {
    const grant = grantOf(await given.make(t), given.config);
    const others = ['', 'nothing', 'constructor', '__proto__', 'toString', 'call'];
    for (const method of others.filter((each) => !given.methods.includes(each))) {
      await t.rejects(grant.call({ method, args: {} }), TypeError);
    }
  });

  void t.test('whatever a guest sends is answered, or rejected with TypeError or HostError', async (t) => {
    const grant = grantOf(await given.make(t), given.config, { cordon: 'left' });
    const ids: string[] = [];
    let answered = 0;
    await t.resolves(
      fc.assert(
        fc.asyncProperty(operations(given), async (operation) => {
          const endless = given.endless?.includes(operation.method) === true;
          const failure = await failureOf(grant, withIds(operation, ids), {
            endless,
            heard: ({ value }) => {
              answered++;
              const { id } = (value ?? {}) as { readonly id?: unknown };
              if (typeof id === 'string') ids.unshift(id);
            },
          });
          return failure === undefined || failure instanceof TypeError || failure instanceof HostError;
        }),
        { numRuns: 300 },
      ),
    );
    t.ok(answered > 0, `${answered} of 300 were answered`);
  });

  void t.test(
    'grants of one deployment see the same, those of another cordon see nothing of it',
    async (t) => {
      const binding = await given.make(t);
      for (const config of given.configs) {
        await given.mark(grantOf(binding, config, { cordon: 'left' }));
        t.equal(await given.sees(grantOf(binding, config, { cordon: 'left' })), true);
        t.equal(await given.sees(grantOf(binding, config, { cordon: 'right' })), false);
        t.equal(await given.sees(grantOf(binding, config)), false);
      }
    },
  );

  void t.test('a grant whose invocation is over hangs for nobody', async (t) => {
    const grant = grantOf(await given.make(t), given.config, { signal: AbortSignal.abort() });
    const settled = await Promise.all(
      given.methods.map(async (method) => {
        await failureOf(grant, { method, args: {} });
        return method;
      }),
    );
    t.same(settled, given.methods);
  });
}

function refusalOf(call: () => unknown): Error | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : undefined;
  }
}

/** Ids of the last answers in place of `anId`: each member has another. */
function withIds(operation: Operation, ids: readonly string[]): Operation {
  const { args } = operation;
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return operation;
  let next = ids.length % 3;
  const members = Object.entries(args).map(([name, value]) => [
    name,
    value === anId ? (ids[next++] ?? '') : value,
  ]);
  return { ...operation, args: Object.fromEntries(members) as Operation['args'] };
}

async function failureOf(
  grant: Grant,
  operation: Operation,
  { endless = false, heard = () => undefined }: { endless?: boolean; heard?: (answer: Answer) => void } = {},
): Promise<unknown> {
  try {
    const answer = await grant.call(operation);
    heard(answer);
    if (!endless) await drained(answer);
    else if (answer.stream) for await (const _first of answer.stream) break;
    return undefined;
  } catch (error) {
    return error ?? new Error('rejected with nothing');
  }
}

/** The bytes of an answer, streamed or not; undefined when it has neither. */
export async function drained(answer: Answer): Promise<Uint8Array | undefined> {
  if (answer.bytes) return answer.bytes;
  if (!answer.stream) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.stream) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/** Operations with the right and the wrong members, of the right and the wrong types. */
function operations({ methods, members }: Pick<BindingCase, 'methods' | 'members'>): fc.Arbitrary<Operation> {
  const text = fc.string({ unit: 'binary', maxLength: 20 });
  const value = fc.oneof(text, fc.double(), fc.integer(), fc.jsonValue(), fc.constant(undefined));
  const named = Object.entries(members).map(([name, good]) => {
    const arbitrary = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...good) },
      { weight: 1, arbitrary: value },
    );
    return [name, arbitrary] as const;
  });
  const args = fc.oneof(
    { weight: 4, arbitrary: fc.record(Object.fromEntries(named)) },
    { weight: 4, arbitrary: fc.record(Object.fromEntries(named), { requiredKeys: [] }) },
    { weight: 1, arbitrary: fc.dictionary(text, value) },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
  const bytes = fc.option(fc.uint8Array({ maxLength: 50 }), { nil: undefined });
  const method = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...methods) },
    { weight: 1, arbitrary: text },
  );
  return fc
    .record({ method, args, bytes })
    .map(({ bytes, ...rest }) => (bytes === undefined ? rest : { ...rest, bytes }));
}
