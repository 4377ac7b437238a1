import type { Arguments } from './arguments.ts';
import { dateText, refuse } from './admin.ts';
import type { Home } from './home.ts';
import type { Instance } from './instance.ts';
import type { Row } from './where.ts';

type Verb = (instance: Instance, args: Arguments, home: Home) => Promise<unknown>;

const slugPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const rolePattern = /^(?:owner|admin|member)$/;

/** Organisations and API keys, for admin work. Members themselves use the endpoints under `organization/`. */
export const groupVerbs: Readonly<Record<string, Verb>> = {
  __proto__: null as never,
  'organizations.list': async ({ adapter }, args) => {
    const limit = args.whole('limit', [1, 1000]) ?? 100;
    const offset = args.whole('offset', [0, 1_000_000_000]) ?? 0;
    const sortBy = { field: 'createdAt', direction: 'asc' } as const;
    return (await adapter.findMany({ model: 'organization', limit, offset, sortBy })).map(toOrganization);
  },
  'organizations.get': async (instance, args) => {
    const row = await instance.adapter.findOne({
      model: 'organization',
      where: [{ field: 'id', value: idOf(args) }],
    });
    if (row === null) return null;
    const members = await membersOf(instance, String(row['id']));
    return { ...toOrganization(row), members: members.map(({ userId, role }) => ({ userId, role })) };
  },
  'organizations.create': async ({ adapter }, args) => {
    const slug = args.text('slug', 63) ?? args.missing('slug');
    if (!slugPattern.test(slug)) throw new TypeError('AUTH slug is 1 to 63 of a-z, 0-9 and "-"');
    const name = args.text('name', 200) ?? slug;
    const same = await adapter.findOne({ model: 'organization', where: [{ field: 'slug', value: slug }] });
    if (same !== null) throw refuse(`there is an organisation "${slug}"`);
    return toOrganization(
      await adapter.create({ model: 'organization', data: { name, slug, createdAt: new Date() } }),
    );
  },
  'organizations.delete': async ({ adapter }, args) => {
    const where = [{ field: 'id', value: idOf(args) }];
    if ((await adapter.findOne({ model: 'organization', where })) === null) return false;
    await adapter.delete({ model: 'organization', where });
    return true;
  },
  'organizations.setMember': async (instance, args) => {
    const organization = idOf(args);
    const userId = args.text('userId', 100) ?? args.missing('userId');
    const role = args.text('role', 20) ?? 'member';
    if (!rolePattern.test(role)) throw new TypeError('AUTH role is "owner", "admin" or "member"');
    const { adapter, users } = instance;
    if ((await users.findUserById(userId)) === null)
      throw refuse(`there is no user ${JSON.stringify(userId)}`);
    const found = await adapter.findOne({
      model: 'organization',
      where: [{ field: 'id', value: organization }],
    });
    if (found === null) throw refuse(`there is no organisation ${JSON.stringify(organization)}`);
    const member = (await membersOf(instance, organization)).find((each) => each['userId'] === userId);
    if (member === undefined) {
      await adapter.create({
        model: 'member',
        data: { organizationId: organization, userId, role, createdAt: new Date() },
      });
    } else
      await adapter.update({
        model: 'member',
        where: [{ field: 'id', value: member['id'] }],
        update: { role },
      });
    return null;
  },
  'organizations.removeMember': async (instance, args) => {
    const userId = args.text('userId', 100) ?? args.missing('userId');
    const member = (await membersOf(instance, idOf(args))).find((each) => each['userId'] === userId);
    if (member === undefined) return false;
    await instance.adapter.delete({ model: 'member', where: [{ field: 'id', value: member['id'] }] });
    return true;
  },
  'apiKeys.create': async (instance, args) => {
    const userId = args.text('userId', 100) ?? args.missing('userId');
    if ((await instance.users.findUserById(userId)) === null)
      throw refuse(`there is no user ${JSON.stringify(userId)}`);
    const seconds = args.whole('seconds', [86_400, 31_536_000]);
    const made = await instance.createApiKey({
      userId,
      name: args.text('name', 32) ?? 'key',
      ...(seconds === undefined ? {} : { expiresIn: seconds }),
      ...(args.has('permissions') ? { permissions: permissionsOf(args.get('permissions')) } : {}),
    });
    return { ...toKey(made), key: made['key'] };
  },
  'apiKeys.list': async ({ adapter }, args) => {
    const userId = args.text('userId', 100) ?? args.missing('userId');
    const where = [{ field: 'referenceId', value: userId }];
    return (await adapter.findMany({ model: 'apikey', where })).map(toKey);
  },
  'apiKeys.revoke': async ({ adapter }, args) => {
    const where = [{ field: 'id', value: idOf(args) }];
    if ((await adapter.findOne({ model: 'apikey', where })) === null) return false;
    await adapter.delete({ model: 'apikey', where });
    return true;
  },
};

async function membersOf({ adapter }: Instance, organization: string): Promise<readonly Row[]> {
  const where = [{ field: 'organizationId', value: organization }];
  return await adapter.findMany({ model: 'member', where, limit: 10_000 });
}

function idOf(args: Arguments): string {
  return args.text('id', 100) ?? args.missing('id');
}

function permissionsOf(value: unknown): Readonly<Record<string, readonly string[]>> {
  const isList = (each: unknown): boolean =>
    Array.isArray(each) && each.every((name) => typeof name === 'string');
  if (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every(isList)
  ) {
    return value as Readonly<Record<string, readonly string[]>>;
  }
  throw new TypeError('AUTH permissions are lists of actions by resource, e.g. { "orders": ["read"] }');
}

function toOrganization({ id, name, slug, createdAt }: Row): Row {
  return { id, name, slug, createdAt: dateText(createdAt) };
}

function toKey({ id, name, start, enabled, expiresAt, createdAt, permissions }: Row): Row {
  const until = expiresAt === null || expiresAt === undefined ? null : dateText(expiresAt);
  return {
    id,
    name,
    start,
    enabled,
    expiresAt: until,
    createdAt: dateText(createdAt),
    permissions: permissions ?? null,
  };
}
