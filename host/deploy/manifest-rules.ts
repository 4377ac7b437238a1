import type { Allowance } from '#runtime/allowance.ts';
import { parseFunctionName } from '#runtime/deployment.ts';
import type { AccessRule, EgressPolicy, FunctionName } from '#runtime/deployment.ts';
import { defaultCaps, leastLimits, limitNames } from '#runtime/limits.ts';
import type { LimitName, Limits } from '#runtime/limits.ts';
import type { Binding } from '#runtime/binding.ts';
import { checkAllow } from './manifest-allow.ts';
import { checkAuth, checkRoutes, settleRules } from './manifest-access.ts';
import type { WrittenRule } from './manifest-access.ts';
import { checkAssets } from './manifest-assets.ts';
import type { AssetsManifest } from './manifest-assets.ts';
import { checkEgress } from './manifest-egress.ts';
import { integer, isRecord, text, toKind } from './manifest-values.ts';
import type { Path, Problem, Report } from './manifest-values.ts';
import { checkHandler, checkWasm } from './manifest-wasm.ts';
import type { WasmManifest } from './manifest-wasm.ts';
import { didYouMean } from './nearest.ts';

/** islet.json, checked. What is absent takes its default when the deployment is made. */
export interface Manifest {
  readonly name?: FunctionName;
  /** Entry file, relative to the manifest. */
  readonly main?: string;
  /** `file.function`, for Python and Ruby. */
  readonly handler?: string;
  readonly wasm?: WasmManifest;
  readonly routes?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly vars?: Readonly<Record<string, string>>;
  readonly bindings?: Readonly<Record<string, ManifestBinding>>;
  readonly cordon?: string;
  readonly minWarm?: number;
  /** From `auth` and from routes that are objects. Binding "": not settled yet, or nobody is asked. */
  readonly access?: readonly AccessRule[];
  readonly egress?: EgressPolicy;
  readonly allow?: readonly Allowance[];
  readonly assets?: AssetsManifest;
}

export interface ManifestBinding {
  readonly kind: string;
  /** The other keys, as written. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Every key of a manifest, in the order of the schema. */
export const manifestKeys: readonly string[] = [
  '$schema',
  'name',
  'main',
  'handler',
  'wasm',
  'auth',
  'routes',
  'limits',
  'vars',
  'bindings',
  'cordon',
  'minWarm',
  'allow',
  'egress',
  'assets',
];

const identifier = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const cordonPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const mainPattern = /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\\\p{Cc}]+$/u;
const mostWarm = 100;

/**
 * Parses a function name that can be deployed: like parseFunctionName, and not beginning like a preview address
 * (`3--shop`). Throws TypeError.
 */
export function parseDeployableName(value: unknown): FunctionName {
  const name = parseFunctionName(value);
  if (!/^\d+--/.test(name)) return name;
  throw new TypeError(
    `Function name "${name}" reads as the preview address of a version; use another beginning`,
  );
}

/** True for what `env.NAME` may be called: an ASCII JavaScript identifier, not `__proto__`. */
export function isEnvName(name: string): boolean {
  return identifier.test(name) && name !== '__proto__';
}

/** Env names given to both a var and a binding. */
export function shadowed(manifest: Manifest): readonly Problem[] {
  return Object.keys(manifest.bindings ?? {})
    .filter((name) => Object.hasOwn(manifest.vars ?? {}, name))
    .map((name) => ({ path: ['bindings', name], text: `"${name}" is a var as well; rename one of them` }));
}

interface Context {
  readonly caps?: Limits;
  readonly kinds?: ReadonlyMap<string, Binding>;
  /** What will be laid over it; "base": it is itself to be laid over another one, whose bindings are not known here. */
  readonly over?: Manifest | 'base';
}

/** Checks every key of `value`; the manifest holds what is well-formed, the problems all that is not. */
export function checkManifest(
  value: unknown,
  context: Context,
): { readonly manifest: Manifest; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const report: Report = (path, text) => {
    problems.push({ path, text });
    return undefined;
  };
  if (!isRecord(value)) {
    report([], `a manifest is an object, this is ${toKind(value)}`);
    return { manifest: {}, problems };
  }
  const manifest: { -readonly [K in keyof Manifest]?: Manifest[K] | undefined } = {};
  const rules: WrittenRule[] = [];
  for (const [key, entry] of Object.entries(value)) {
    if (key === '$schema') text(entry, [key], report);
    else if (key === 'name') manifest.name = checkName(entry, report);
    else if (key === 'main') manifest.main = checkMain(entry, report);
    else if (key === 'handler') manifest.handler = checkHandler(entry, report);
    else if (key === 'wasm') manifest.wasm = checkWasm(entry, report);
    else if (key === 'auth') rules.push(...[checkAuth(entry, report) ?? []].flat());
    else if (key === 'routes') {
      const checked = checkRoutes(entry, report);
      manifest.routes = checked?.routes;
      rules.push(...(checked?.rules ?? []));
    } else if (key === 'limits') manifest.limits = checkLimits(entry, context.caps ?? defaultCaps, report);
    else if (key === 'vars') manifest.vars = checkVars(entry, report);
    else if (key === 'bindings') manifest.bindings = checkBindings(entry, context.kinds, report);
    else if (key === 'cordon') manifest.cordon = checkCordon(entry, report);
    else if (key === 'minWarm') manifest.minWarm = integer(entry, ['minWarm'], [0, mostWarm], report);
    else if (key === 'egress') manifest.egress = checkEgress(entry, report);
    else if (key === 'allow') manifest.allow = checkAllow(entry, report);
    else if (key === 'assets') manifest.assets = checkAssets(entry, report);
    else report([key], `unknown key "${key}"${didYouMean(key, manifestKeys)}`);
  }
  if (rules.length > 0) manifest.access = settle(rules, value['bindings'], context, report);
  const present = Object.fromEntries(Object.entries(manifest).filter(([, entry]) => entry !== undefined));
  problems.push(...shadowed(present));
  return { manifest: present, problems };
}

/** Rules with their bindings, as far as they can be known. */
function settle(
  rules: readonly WrittenRule[],
  bindings: unknown,
  { over }: Context,
  report: Report,
): readonly AccessRule[] {
  if (over === 'base')
    return rules.map(({ pattern, auth, binding = '', roles }) => ({ pattern, auth, binding, roles }));
  const own = isRecord(bindings) ? Object.entries(bindings) : [];
  const kinds = own.map(([name, entry]) => [name, isRecord(entry) ? entry['kind'] : undefined] as const);
  const others = Object.entries(over?.bindings ?? {}).map(([name, { kind }]) => [name, kind] as const);
  return settleRules(rules, new Map([...kinds, ...others]), report);
}

function checkName(value: unknown, report: Report): FunctionName | undefined {
  try {
    return parseDeployableName(value);
  } catch (error) {
    return report(['name'], error instanceof Error ? error.message : String(error));
  }
}

function checkMain(value: unknown, report: Report): string | undefined {
  if (text(value, ['main'], report) === undefined) return undefined;
  if (mainPattern.test(String(value))) return String(value);
  return report(
    ['main'],
    `${JSON.stringify(value)} is not a path inside the folder; use e.g. "src/index.ts"`,
  );
}

function checkCordon(value: unknown, report: Report): string | undefined {
  if (text(value, ['cordon'], report) === undefined) return undefined;
  if (cordonPattern.test(String(value))) return String(value);
  return report(['cordon'], `${JSON.stringify(value)} is not a name; use 1 to 63 of a-z, 0-9 and "-"`);
}

function checkLimits(value: unknown, caps: Limits, report: Report): Partial<Limits> | undefined {
  if (!isRecord(value)) return report(['limits'], `limits is an object, this is ${toKind(value)}`);
  const limits: { -readonly [K in LimitName]?: number } = {};
  for (const [key, entry] of Object.entries(value)) {
    const name = limitNames.find((candidate) => candidate === key);
    if (name === undefined) {
      report(['limits', key], `unknown limit "${key}"${didYouMean(key, limitNames)}`);
      continue;
    }
    const checked = integer(entry, ['limits', name], [leastLimits[name], caps[name]], report);
    if (checked !== undefined) limits[name] = checked;
  }
  return limits;
}

function checkVars(value: unknown, report: Report): Record<string, string> | undefined {
  if (!isRecord(value)) return report(['vars'], `vars is an object, this is ${toKind(value)}`);
  const vars: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (!envName(key, ['vars', key], report)) continue;
    const checked = text(entry, ['vars', key], report);
    if (checked !== undefined) vars[key] = checked;
  }
  return vars;
}

function checkBindings(
  value: unknown,
  kinds: ReadonlyMap<string, Binding> | undefined,
  report: Report,
): Record<string, ManifestBinding> | undefined {
  if (!isRecord(value)) return report(['bindings'], `bindings is an object, this is ${toKind(value)}`);
  const bindings: Record<string, ManifestBinding> = {};
  for (const [key, entry] of Object.entries(value)) {
    const path = ['bindings', key];
    if (!envName(key, path, report)) continue;
    if (!isRecord(entry)) {
      report(path, `a binding is an object with a kind, e.g. { "kind": "kv" }, this is ${toKind(entry)}`);
      continue;
    }
    const { kind, ...config } = entry;
    if (typeof kind !== 'string' || kind === '') {
      report(Object.hasOwn(entry, 'kind') ? [...path, 'kind'] : path, 'a binding needs a kind, e.g. "kv"');
      continue;
    }
    const refusal = kinds === undefined ? undefined : refusalOf(kind, config, kinds);
    if (refusal === undefined) bindings[key] = { kind, config };
    else report(kinds?.has(kind) === true ? path : [...path, 'kind'], refusal);
  }
  return bindings;
}

/** Why `kinds` will not have this binding, or undefined when they will. */
export function refusalOf(
  kind: string,
  config: unknown,
  kinds: ReadonlyMap<string, Binding>,
): string | undefined {
  const binding = kinds.get(kind);
  if (binding === undefined) return `unknown binding kind "${kind}"${didYouMean(kind, [...kinds.keys()])}`;
  try {
    binding.parse(config);
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  return undefined;
}

function envName(name: string, path: Path, report: Report): boolean {
  if (isEnvName(name)) return true;
  report(path, `"${name}" is not a name for env; use letters, digits and "_", not a digit first`);
  return false;
}
