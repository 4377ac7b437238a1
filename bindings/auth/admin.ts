import { HostError } from '#runtime/errors.ts';
import { customClaims, rolesOf, storedClaims } from './callers.ts';
import type { Home } from './home.ts';
import { parseRoles } from './hooks.ts';
import type { Instance, InstanceAdapter } from './instance.ts';
import { keyGraceMs } from './pool.ts';
import type { Arguments } from './arguments.ts';
import { listUsers } from './roster.ts';
import type { Row } from './where.ts';

/** A user as `env.AUTH.users.*` shows it. */
export interface ShownUser {
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string;
  readonly image: string | null;
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly banned: boolean;
  readonly banReason: string | null;
  readonly twoFactor: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

type Verb = (instance: Instance, args: Arguments, home: Home) => Promise<unknown>;

/** The admin operations, by the name a guest's facade sends. */
export const userVerbs: Readonly<Record<string, Verb>> = {
  __proto__: null as never,
  'users.list': async (_instance, args, home) => {
    const limit = args.whole('limit', [1, 1000]) ?? 100;
    const offset = args.whole('offset', [0, 1_000_000_000]) ?? 0;
    const search = args.text('search', 200)?.toLowerCase() ?? '';
    const { store, pool } = home.options;
    const { users, total } = await listUsers({ store, places: pool.places }, { limit, offset, search });
    return { users: users.map(toShown), total };
  },
  'users.get': async (instance, args) => {
    const row = await find(instance, args);
    return row === undefined ? null : toShown(row);
  },
  'users.create': async (instance, args, home) => {
    const { users } = instance;
    const email = args.email('email');
    const password = args.text('password', 256);
    if (password !== undefined) checkPassword(password, home);
    const roles = args.has('roles') ? parseRoles(args.get('roles')) : undefined;
    const claims = args.has('claims') ? customClaims(args.get('claims')) : undefined;
    const hash = password === undefined ? undefined : await home.options.passwords.hash(password);
    if ((await users.findUserByEmail(email)) !== null)
      throw refuse(`there is a user with the address ${email}`);
    const made = await refused(async () => {
      return await users.createUser({
        email,
        name: args.text('name', 200) ?? '',
        image: args.text('image', 2000) ?? null,
        emailVerified: args.flag('emailVerified') ?? false,
        ...(roles === undefined ? {} : { role: roles.join(',') }),
        ...(claims === undefined ? {} : { claims: JSON.stringify(claims) }),
      });
    });
    if (hash !== undefined) await link(instance, String(made['id']), hash);
    return toShown((await users.findUserById(String(made['id']))) ?? made);
  },
  'users.update': async (instance, args) => {
    const user = await present(instance, args);
    const email = args.has('email') ? args.email('email') : undefined;
    const other = email === undefined ? null : await instance.users.findUserByEmail(email);
    if (other !== null && other.user['id'] !== user['id'])
      throw refuse(`there is a user with the address ${email}`);
    const [name, image, verified] = [
      args.text('name', 200),
      args.text('image', 2000),
      args.flag('emailVerified'),
    ];
    return await update(instance, user, {
      ...(email === undefined ? {} : { email }),
      ...(name === undefined ? {} : { name }),
      ...(image === undefined ? {} : { image }),
      ...(args.get('image') === null ? { image: null } : {}),
      ...(verified === undefined ? {} : { emailVerified: verified }),
      ...(args.has('roles') ? { role: parseRoles(args.get('roles')).join(',') } : {}),
      ...(args.has('claims') ? { claims: JSON.stringify(customClaims(args.get('claims'))) } : {}),
    });
  },
  'users.delete': async (instance, args) => {
    const user = await find(instance, args);
    if (user === undefined) return false;
    await instance.users.deleteUser(String(user['id']));
    return true;
  },
  'users.setRoles': async (instance, args) => {
    const roles = parseRoles(args.get('roles'));
    return await update(instance, await present(instance, args), { role: roles.join(',') });
  },
  'users.ban': async (instance, args, home) => {
    const user = await present(instance, args);
    const seconds = args.whole('seconds', [1, 3_153_600_000]);
    const shown = await update(instance, user, {
      banned: true,
      banReason: args.text('reason', 500) ?? null,
      banExpires: seconds === undefined ? null : new Date(home.options.now() + seconds * 1000),
    });
    await instance.users.deleteUserSessions(String(user['id']));
    return shown;
  },
  'users.unban': async (instance, args) =>
    await update(instance, await present(instance, args), {
      banned: false,
      banReason: null,
      banExpires: null,
    }),
  'users.sessions': async (instance, args) => {
    const { id } = await present(instance, args);
    const rows = await instance.adapter.findMany({
      model: 'session',
      where: [{ field: 'userId', value: id }],
    });
    return rows.map(({ id, createdAt, expiresAt, ipAddress, userAgent }) => ({
      id,
      createdAt,
      expiresAt,
      ipAddress: ipAddress ?? null,
      userAgent: userAgent ?? null,
    }));
  },
  'users.revokeSessions': async (instance, args) => {
    const { id } = await present(instance, args);
    const session = args.text('session', 100);
    if (session === undefined) await instance.users.deleteUserSessions(String(id));
    else {
      const where = [
        { field: 'id', value: session },
        { field: 'userId', value: id },
      ];
      await instance.adapter.delete({ model: 'session', where });
    }
    return null;
  },
  'users.setPassword': async (instance, args, home) => {
    const user = await present(instance, args);
    const password = args.text('password', 256) ?? args.missing('password');
    checkPassword(password, home);
    const hash = await home.options.passwords.hash(password);
    const id = String(user['id']);
    const accounts = await instance.users.findAccounts(id);
    if (accounts.some(({ providerId }) => providerId === 'credential'))
      await instance.users.updatePassword(id, hash);
    else await link(instance, id, hash);
    await instance.users.deleteUserSessions(id);
    return null;
  },
  'keys.rotate': async (instance, args) => {
    const revoke = args.flag('revoke') ?? false;
    const kid = await instance.createKey();
    await replaceKeys(instance.adapter, kid, revoke);
    return { kid };
  },
};

/** Keys other than `kid` sign nothing more, and are good for their grace; with `revoke` they are gone at once. */
async function replaceKeys(adapter: InstanceAdapter, kid: string, revoke: boolean): Promise<void> {
  const others = { field: 'id', operator: 'ne', value: kid };
  // The library's clock, by which it chooses keys.
  const now = new Date();
  const over = { field: 'expiresAt', operator: 'lt', value: new Date(now.getTime() - keyGraceMs) };
  await adapter.deleteMany({ model: 'jwks', where: [revoke ? others : over] });
  const signing = { field: 'expiresAt', operator: 'gt', value: now };
  await adapter.updateMany({ model: 'jwks', where: [others, signing], update: { expiresAt: now } });
}

/** The user that `id` or `email` names. */
async function find({ users }: Instance, args: Arguments): Promise<Row | undefined> {
  const id = args.text('id', 100);
  if (id !== undefined) return (await users.findUserById(id)) ?? undefined;
  return (await users.findUserByEmail(args.email('email')))?.user;
}

/** For verbs that need one. Rejects with HostError ERR_AUTH. */
async function present(instance: Instance, args: Arguments): Promise<Row> {
  const id = args.text('id', 100) ?? args.missing('id');
  const row = await instance.users.findUserById(id);
  if (row !== null) return row;
  throw refuse(`there is no user ${JSON.stringify(id)}`);
}

async function update({ users }: Instance, user: Row, data: Row): Promise<ShownUser> {
  const after = await users.updateUser(String(user['id']), data);
  return toShown(after ?? { ...user, ...data });
}

async function link({ users }: Instance, userId: string, hash: string): Promise<void> {
  await users.linkAccount({ userId, providerId: 'credential', accountId: userId, password: hash });
}

/** What a hook refuses is the guest's to handle. */
async function refused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error as { readonly body?: { readonly code?: unknown } }).body?.code;
    if (code === 'REFUSED') throw refuse((error as Error).message);
    throw error;
  }
}

function checkPassword(password: string, { options }: Home): void {
  const { passwordLength } = options.config;
  if (password.length < passwordLength)
    throw new TypeError(`A password has ${passwordLength} characters or more`);
}

export function refuse(why: string): HostError {
  return new HostError('ERR_AUTH', `Cannot do this: ${why}`);
}

export function toShown(user: Row): ShownUser {
  return {
    id: String(user['id']),
    email: String(user['email']),
    emailVerified: user['emailVerified'] === true,
    name: typeof user['name'] === 'string' ? user['name'] : '',
    image: (user['image'] as string | null | undefined) ?? null,
    roles: rolesOf(user),
    claims: storedClaims(user),
    banned: user['banned'] === true,
    banReason: (user['banReason'] as string | null | undefined) ?? null,
    twoFactor: user['twoFactorEnabled'] === true,
    createdAt: dateText(user['createdAt']),
    updatedAt: dateText(user['updatedAt']),
  };
}

export function dateText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}
