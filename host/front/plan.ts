import type { Attachment, Served } from '#runtime/binding.ts';
import type { RequestCall } from '../call.ts';
import type { AttachmentTable } from '../dispatch/attachments.ts';
import type { Target } from '../registry.ts';
import { AccessTable } from './access.ts';

/** What the host answers in the place of one target, before any instance starts. */
export interface Plan {
  readonly target: Target;
  readonly access: AccessTable | undefined;
  readonly attachments: AttachmentTable;
  /** The longest path first. */
  readonly served: readonly ServedPath[];
  readonly assets: TargetAssets | undefined;
}

export interface ServedPath {
  readonly served: Served;
  /** Env name of its binding. */
  readonly binding: string;
}

/** Static files of one version. */
export interface TargetAssets {
  /** `function`: files are reached through a binding only. */
  readonly first: 'assets' | 'function';
  /** Undefined when the call is the function's to answer. */
  respond(call: RequestCall): Promise<AssetAnswer | undefined> | undefined;
}

export interface AssetAnswer {
  readonly status: number;
  /** Flat. */
  readonly headers: readonly string[];
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Undefined when there is nothing to answer here: calls go straight through. */
export function toPlan(
  target: Target,
  attachments: AttachmentTable,
  assets: TargetAssets | undefined,
): Plan | undefined {
  const { access, routes } = target.deployment;
  const served = servedOf(attachments);
  if (access.length === 0 && served.length === 0 && assets === undefined) return undefined;
  const table = access.length === 0 ? undefined : new AccessTable(access, routes);
  return { target, access: table, attachments, served, assets };
}

function servedOf(attachments: AttachmentTable): readonly ServedPath[] {
  const found: ServedPath[] = [];
  for (const [binding, { served }] of attachments) if (served !== undefined) found.push({ served, binding });
  return found.sort((one, other) => other.served.path.length - one.served.path.length);
}

/** The served part that has this path, compared as it stands. */
export function servedAt({ served }: Plan, path: string): ServedPath | undefined {
  return (
    served.find((each) => each.served.also?.includes(path) === true) ??
    served.find(({ served: { path: own } }) => path === own || path.startsWith(`${own}/`))
  );
}

/** The attachment a rule checks with. */
export function checkerOf({ attachments }: Plan, binding: string): Checker | undefined {
  const attachment = attachments.get(binding);
  const identify = attachment?.identify;
  if (attachment === undefined || identify === undefined) return undefined;
  return { identify: (credentials) => identify(credentials), signIn: attachment.signIn };
}

export interface Checker {
  readonly identify: NonNullable<Attachment['identify']>;
  readonly signIn: Attachment['signIn'] | undefined;
}
