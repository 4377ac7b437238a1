import type { AssetsHead, Code, Deployment, FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Target } from '#host/registry.ts';
import type { Build } from './build.ts';
import { toCodeRecord } from './code-parts.ts';
import type { FunctionState } from './function-state.ts';
import { parseDeployableName } from './manifest-rules.ts';
import { deploymentId } from './records.ts';
import type { VersionContent, VersionRecord } from './records.ts';
import { toLimits, toTarget } from './targets.ts';
import type { TargetContext } from './targets.ts';

/** A version that is not stored yet: to be started once for proof, then committed. */
export interface Draft {
  readonly name: FunctionName;
  /** Its version number is the one it gets unless another commit comes first. */
  readonly deployment: Deployment;
  /** What an instance needs, the function's secrets included. */
  readonly target: Target;
  /** True when the very same version is stored already; committing it stores nothing new. */
  readonly existing: boolean;
  readonly record: VersionRecord;
}

export interface NameSources {
  readonly option: string | undefined;
  readonly manifest: FunctionName | undefined;
  /** Folder or file name; made into a label. */
  readonly hint: string | undefined;
}

/** The first name there is. Throws HostError ERR_BAD_NAME. */
export function chooseName({ option, manifest, hint }: NameSources): FunctionName {
  const given = option ?? manifest ?? toLabel(hint ?? '');
  try {
    if (given !== '') return parseDeployableName(given);
  } catch (cause) {
    throw new HostError('ERR_BAD_NAME', `Cannot deploy: ${(cause as Error).message}`, { cause });
  }
  throw new HostError(
    'ERR_BAD_NAME',
    'Cannot deploy: the function has no name; give one with --name, or name it in islet.json',
  );
}

/** What the store keeps of a manifest, with every default in place. Throws HostError ERR_MANIFEST for what the host forbids. */
export function toContent(
  { manifest, code, sourceBytes }: Build,
  context: TargetContext,
  assets?: AssetsHead,
): VersionContent {
  const { allow = [] } = manifest;
  const forbidden = allow.find((allowance) => context.forbid.includes(allowance));
  if (forbidden !== undefined) {
    throw new HostError(
      'ERR_MANIFEST',
      `Cannot deploy: "allow" asks for ${forbidden}, which this host forbids; leave it out`,
    );
  }
  return {
    code: toCodeRecord(code, sourceBytes),
    limits: toLimits(manifest.limits ?? {}, context.caps),
    bindings: Object.entries(manifest.bindings ?? {}).map(([name, binding]) => ({ name, ...binding })),
    vars: manifest.vars ?? {},
    cordon: manifest.cordon ?? 'default',
    minWarm: manifest.minWarm ?? 0,
    routes: manifest.routes ?? [],
    // Left out where they say nothing: what was deployed before they were known keeps its id.
    ...(manifest.access === undefined || manifest.access.length === 0 ? {} : { access: manifest.access }),
    ...(manifest.egress === undefined ? {} : { egress: manifest.egress }),
    ...(allow.length === 0 ? {} : { allow: [...new Set(allow)].sort() }),
    ...(assets === undefined ? {} : { assets }),
  };
}

/**
 * The draft of this content as the function stands now. Throws HostError ERR_MANIFEST when it takes a secret's name, and
 * what a binding has against it (ERR_NOT_GRANTED).
 */
export function toDraft(
  state: FunctionState,
  content: VersionContent,
  code: Code,
  options: { readonly context: TargetContext; readonly now: number },
): Draft {
  const id = deploymentId(state.name, content);
  const found = [...state.versions].find(([, record]) => record.id === id);
  const record: VersionRecord = found?.[1] ?? { format: 1, id, createdAt: options.now, ...content };
  refuseSecretNames(state, content);
  const version = found?.[0] ?? state.record.next;
  const target = { ...toTarget(state, version, record, options.context), load: async () => code };
  const deployment = { ...target.deployment, code };
  for (const binding of deployment.bindings) {
    options.context.kinds.get(binding.kind)?.admit?.(binding, deployment);
  }
  return { name: state.name, deployment, target, existing: found !== undefined, record };
}

function refuseSecretNames(state: FunctionState, content: VersionContent): void {
  const declared = [...Object.keys(content.vars), ...content.bindings.map(({ name }) => name)];
  const taken = declared.find((name) => state.secrets.has(name));
  if (taken === undefined) return;
  throw new HostError(
    'ERR_MANIFEST',
    `Cannot deploy "${state.name}": ${taken} is a secret of it; rename the var or binding, or run \`islet secret delete ${state.name} ${taken}\``,
  );
}

function toLabel(hint: string): string {
  const words = hint
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return words.slice(0, 63).replace(/^-+|-+$/g, '');
}
