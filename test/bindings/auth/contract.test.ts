import { join } from 'node:path';
import t from 'tap';
import { userVerbs } from '#bindings/auth/admin.ts';
import { createAuthBinding } from '#bindings/auth/auth.ts';
import { groupVerbs } from '#bindings/auth/groups.ts';
import { openVault } from '#host/deploy/vault.ts';
import { anId, bindingContract } from '#test/contract/binding.ts';
import { temporaryDir, temporaryStore } from '#test/support/store-files.ts';
import { Mailbox } from './case.ts';

const admin = { admin: true };

bindingContract(t, {
  make: async (t) => {
    const binding = createAuthBinding({
      store: temporaryStore(t),
      sealer: await openVault(join(temporaryDir(t), 'key'), { inUse: false }),
      mailer: new Mailbox(),
      egress: { fetchUnder: () => globalThis.fetch },
      secret: async () => undefined,
    });
    t.teardown(() => binding.close());
    return {
      ...binding,
      // The laws are about what a grant does; whether it may is a test of its own.
      parse: (config: unknown) => {
        const parsed = binding.parse(config) as object;
        return { ...parsed, admin: true };
      },
    };
  },
  configs: [undefined, null, {}, 'main', { pool: 'main' }, { pool: 'other/AUTH', ...admin }],
  badConfigs: [
    '',
    'a b',
    '../x',
    { pool: 7 },
    { path: 'auth' },
    { path: '/auth/' },
    { origin: 'http://example.com' },
    { origin: 'https://example.com/x' },
    { redirects: ['javascript:alert(1)'] },
    { theme: { accent: 'url(//evil.example)' } },
    { logo: 'https://evil.example/x.png' },
    { providers: [{ id: 'x', clientId: 'y' }] },
    { clients: [{ id: 'x' }] },
    { hooks: { beforeSignup: 'f' } },
    { lockout: { failures: 0 } },
    { admin: 'yes' },
  ],
  configKey: 'pool',
  methods: ['verify', ...Object.keys(userVerbs), ...Object.keys(groupVerbs)],
  members: {
    id: [anId, anId, 'none'],
    email: ['ada@example.com', 'eve@example.com'],
    userId: [anId, 'none'],
    name: ['Ada', ''],
    image: [null, 'https://a.test/1.png'],
    emailVerified: [true, false],
    password: ['correct horse battery'],
    roles: [['a', 'b'], []],
    claims: [{ plan: 'pro' }, {}],
    reason: ['spam'],
    seconds: [60, 86_400],
    session: ['s1'],
    slug: ['acme', 'other'],
    role: ['owner', 'member'],
    permissions: [{ orders: ['read'] }],
    limit: [1, 1000],
    offset: [0, 5],
    search: ['ada', ''],
    revoke: [true, false],
    headers: [['cookie', 'a=b'], ['authorization', 'Bearer x.y.z'], ['x-api-key', 'islet_x'], []],
  },
  mark: (grant) => grant.call({ method: 'users.create', args: { email: `${Math.random()}@example.com` } }),
  sees: async (grant) => {
    const { value } = await grant.call({ method: 'users.list', args: {} });
    return (value as { readonly total: number }).total > 0;
  },
});
