/** Who a request comes from. */
export interface Caller {
  /** Stable and unique within the user pool. */
  readonly id: string;
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly name?: string;
  readonly roles: readonly string[];
  readonly organization?: { readonly id: string; readonly role: string };
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface User {
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

export interface UserFields {
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly name?: string;
  readonly image?: string | null;
  readonly roles?: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** `env.NAME` of kind "auth". All but `verify` needs `"admin": true` in its config. */
export interface Auth {
  /** Whose a request is, or an event with headers; without one, the request being answered. Null: nobody's. */
  verify(
    request?: Request | { readonly headers: object; readonly cookies?: readonly string[] },
  ): Promise<Caller | null>;
  readonly users: {
    list(options?: {
      readonly limit?: number;
      readonly offset?: number;
      readonly search?: string;
    }): Promise<{ readonly users: readonly User[]; readonly total: number }>;
    get(id: string | { readonly email: string }): Promise<User | null>;
    create(user: UserFields & { readonly email: string; readonly password?: string }): Promise<User>;
    update(id: string, changes: UserFields): Promise<User>;
    delete(id: string): Promise<unknown>;
    setRoles(id: string, roles: readonly string[]): Promise<unknown>;
    ban(id: string, options?: { readonly reason?: string; readonly seconds?: number }): Promise<unknown>;
    unban(id: string): Promise<unknown>;
    sessions(id: string): Promise<unknown>;
    revokeSessions(id: string, session?: string): Promise<unknown>;
    setPassword(id: string, password: string): Promise<unknown>;
  };
  readonly organizations: {
    list(options?: object): Promise<unknown>;
    get(id: string): Promise<unknown>;
    create(organization: { readonly slug: string; readonly name?: string }): Promise<unknown>;
    delete(id: string): Promise<unknown>;
    setMember(id: string, userId: string, role: string): Promise<unknown>;
    removeMember(id: string, userId: string): Promise<unknown>;
  };
  readonly apiKeys: {
    /** The key itself is in this answer and in no other. */
    create(userId: string, options?: object): Promise<unknown>;
    list(userId: string): Promise<unknown>;
    revoke(id: string): Promise<unknown>;
  };
  readonly keys: { rotate(options?: { readonly revoke?: boolean }): Promise<unknown> };
}
