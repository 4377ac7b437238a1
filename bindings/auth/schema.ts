/** What the rows of one model are found by. */
export interface ModelIndexes {
  /** Fields of which no two rows have the same value (null aside). */
  readonly unique: readonly string[];
  /** Fields a query may start from, the unique ones aside. */
  readonly indexed: readonly string[];
  /** The field that says when a row is over, e.g. `expiresAt`: it is not found after that. */
  readonly expires?: string;
}

/** Rows that go, or lose their reference, when the row they point at goes. */
export interface Dependent {
  readonly model: string;
  readonly field: string;
  readonly on: 'cascade' | 'set null';
}

export interface Schema {
  indexes(model: string): ModelIndexes;
  dependents(model: string): readonly Dependent[];
}

export interface Field {
  readonly fieldName?: string | undefined;
  readonly unique?: boolean | undefined;
  readonly index?: boolean | undefined;
  readonly references?: { readonly model: string; readonly onDelete?: string | undefined } | undefined;
}

/** A table as the library describes it. */
export interface Table {
  readonly modelName: string;
  readonly fields: Readonly<Record<string, Field>>;
}

/** Looked up, though no model marks them so. */
const alsoIndexed: Readonly<Record<string, readonly string[]>> = {
  account: ['accountId'],
  apikey: ['referenceId'],
  oauthAccessToken: ['refreshId'],
};
const alsoUnique: Readonly<Record<string, readonly string[]>> = {
  apikey: ['key'],
  oauthRefreshToken: ['token'],
};
/** Rows of these models are of no use past that moment. */
const expiring: Readonly<Record<string, string>> = {
  session: 'expiresAt',
  verification: 'expiresAt',
  oauthRefreshToken: 'expiresAt',
  oauthAccessToken: 'expiresAt',
  apikey: 'expiresAt',
};
const alsoDependent: Readonly<Record<string, readonly Dependent[]>> = {
  user: [{ model: 'apikey', field: 'referenceId', on: 'cascade' }],
};

/** From the library's tables, plugins' included: what is indexed, and what falls with what. */
export function toSchema(tables: Readonly<Record<string, Table>>): Schema {
  const indexes = new Map<string, ModelIndexes>();
  const dependents = new Map<string, Dependent[]>();
  for (const [key, { modelName, fields }] of Object.entries(tables)) {
    const named = Object.entries(fields).map(([name, field]) => ({
      ...field,
      name: field.fieldName ?? name,
    }));
    const unique = new Set(named.filter((field) => field.unique === true).map(({ name }) => name));
    for (const name of alsoUnique[key] ?? []) unique.add(name);
    const indexed = new Set(
      named.filter((field) => field.index === true || field.references).map(({ name }) => name),
    );
    for (const name of alsoIndexed[key] ?? []) indexed.add(name);
    const expires = expiring[key];
    indexes.set(modelName, {
      unique: [...unique],
      indexed: [...indexed].filter((name) => !unique.has(name)),
      ...(expires === undefined ? {} : { expires }),
    });
    for (const { name, references } of named) {
      if (references === undefined) continue;
      const target = tables[references.model]?.modelName ?? references.model;
      const on = references.onDelete === 'set null' ? 'set null' : 'cascade';
      dependents.set(target, [...(dependents.get(target) ?? []), { model: modelName, field: name, on }]);
    }
  }
  return {
    indexes: (model) => indexes.get(model) ?? { unique: [], indexed: [] },
    dependents: (model) =>
      [...(dependents.get(model) ?? []), ...(alsoDependent[model] ?? [])].filter(({ model }) =>
        indexes.has(model),
      ),
  };
}
