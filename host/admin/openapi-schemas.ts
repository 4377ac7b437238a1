import { limitNames } from '#runtime/limits.ts';

/** A JSON Schema 2020-12, as OpenAPI 3.1 has them. */
export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const whole: Schema = { type: 'integer', minimum: 0 };
const amount: Schema = { type: 'number', minimum: 0 };
const texts: Schema = { type: 'array', items: text };
const version: Schema = { type: 'integer', minimum: 1 };
const time: Schema = { type: 'number', description: 'Milliseconds since the epoch' };
const counts: Schema = { type: 'object', additionalProperties: whole };

/** Every property required, but those whose name ends in "?". */
function object(properties: Readonly<Record<string, Schema>>): Schema {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([key, schema]) => [key.replace(/\?$/, ''), schema])),
    required: entries.map(([key]) => key).filter((key) => !key.endsWith('?')),
    additionalProperties: false,
  };
}

function list(items: Schema): Schema {
  return { type: 'array', items };
}

/** A reference to one of `schemas`. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** What goes in and out of the admin API, by name; they follow host/host.ts. */
export const schemas: Readonly<Record<string, Schema>> = {
  Error: object({ error: object({ code: { type: 'string', pattern: '^ERR_[A-Z_]+$' }, message: text }) }),
  Limits: object(Object.fromEntries(limitNames.map((name) => [name, amount]))),
  FunctionInfo: object({
    name: text,
    weights: { type: 'object', additionalProperties: { type: 'number', minimum: 0, maximum: 100 } },
    routes: texts,
    versions: whole,
    updatedAt: time,
  }),
  FunctionList: object({ functions: list({ $ref: '#/components/schemas/FunctionInfo' }) }),
  VersionInfo: object({
    function: text,
    version,
    id: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    createdAt: time,
    sourceBytes: whole,
    weight: { type: 'number', minimum: 0, maximum: 100 },
    preview: object({ host: text, path: text }),
    limits: { $ref: '#/components/schemas/Limits' },
    routes: texts,
    cordon: text,
    bindings: list(object({ name: text, kind: text })),
    vars: texts,
    'access?': list(
      object({
        pattern: text,
        auth: { enum: ['required', 'optional', 'none'] },
        binding: text,
        roles: texts,
      }),
    ),
    'warnings?': texts,
  }),
  VersionList: object({ versions: list({ $ref: '#/components/schemas/VersionInfo' }) }),
  Deployment: object({
    files: {
      type: 'object',
      minProperties: 1,
      description: 'Content by relative path: text, or { "base64": … } for bytes',
      additionalProperties: { anyOf: [text, object({ base64: text })] },
    },
    'main?': {
      type: 'string',
      description: 'The entry among files; default: what islet.json says, else index.*',
    },
    'assets?': {
      type: 'object',
      description: 'Static files sent before: hex SHA-256 by path, e.g. "/logo.svg"',
      additionalProperties: text,
    },
    'manifest?': { type: 'object', description: 'Manifest values that win over islet.json' },
    'activate?': { type: 'boolean', default: true, description: 'false stores the version without traffic' },
  }),
  AssetHashes: object({ hashes: texts }),
  MissingAssets: object({ missing: texts }),
  Rollback: object({ 'version?': version }),
  Weights: object({
    weights: {
      type: 'object',
      minProperties: 1,
      maxProperties: 2,
      description: 'Percent by version; they add up to 100',
      additionalProperties: { type: 'number', minimum: 0, maximum: 100 },
    },
  }),
  SecretList: object({ secrets: texts }),
  Secret: object({ value: text }),
  Vars: object({ vars: { type: 'object', additionalProperties: text } }),
  VarsChange: object({
    vars: { type: 'object', minProperties: 1, additionalProperties: { type: ['string', 'null'] } },
  }),
  Outcome: {
    type: 'object',
    description: 'How the invocation ended',
    properties: {
      kind: { enum: ['responded', 'returned', 'threw', 'exceeded', 'refused', 'cancelled', 'crashed'] },
      status: whole,
      error: object({
        name: text,
        message: text,
        'stack?': text,
        phase: { enum: ['startup', 'handler', 'result'] },
      }),
      limit: { enum: limitNames },
      reason: { enum: ['no-handler', 'closing'] },
      cause: { enum: ['cell', 'instance', 'internal'] },
    },
    required: ['kind'],
    additionalProperties: false,
  },
  Usage: object({
    cpuMs: amount,
    wallMs: amount,
    peakMemoryBytes: amount,
    cold: flag,
    bytesIn: whole,
    bytesOut: whole,
    operations: whole,
  }),
  LogEntry: object({
    at: time,
    function: text,
    version: whole,
    'invocationId?': text,
    level: { enum: ['debug', 'log', 'info', 'warn', 'error', 'system'] },
    message: text,
  }),
  InvokeResult: object({
    outcome: { $ref: '#/components/schemas/Outcome' },
    'value?': { description: 'What the handler returned' },
    usage: { $ref: '#/components/schemas/Usage' },
    invocationId: text,
    version,
    logs: list({ $ref: '#/components/schemas/LogEntry' }),
  }),
  UsageList: object({
    usage: list(
      object({
        function: text,
        version: whole,
        invocations: whole,
        cold: whole,
        outcomes: counts,
        cpuMs: amount,
        wallMs: amount,
        gbSeconds: amount,
        peakMemoryBytes: amount,
        bytesIn: whole,
        bytesOut: whole,
        operations: whole,
        messagesIn: whole,
        messagesOut: whole,
      }),
    ),
  }),
  Health: object({
    status: { enum: ['ok', 'closing'] },
    version: text,
    uptimeMs: amount,
    isolation: text,
    functions: whole,
    cells: list(
      object({
        pid: whole,
        cordon: text,
        state: { enum: ['starting', 'ready', 'draining'] },
        instances: whole,
        spares: whole,
        inFlight: whole,
        rssBytes: whole,
        warmBytes: whole,
        evictions: counts,
      }),
    ),
  }),
  Liveness: object({ status: { enum: ['ok', 'closing'] } }),
  NamespaceList: object({ namespaces: texts }),
  KeyList: object({
    keys: list(object({ name: text, 'expiration?': time, 'metadata?': {} })),
    listComplete: flag,
    'cursor?': text,
  }),
  KvRecord: object({
    key: text,
    value: text,
    'base64?': { type: 'boolean', description: 'The value is base64 of bytes' },
    'expiration?': { type: 'number', description: 'Seconds since the epoch' },
    'expiration_ttl?': { type: 'number', description: 'Seconds from now, 60 or more; only on the way in' },
    'metadata?': {},
  }),
  KvImported: object({
    lines: whole,
    written: whole,
    present: whole,
    expired: whole,
    'failed?': object({ line: version, code: text, message: text }),
  }),
  KvAccess: object({ access: { enum: ['read', 'write'] } }),
  KvGrantList: object({
    grants: list(object({ namespace: text, to: text, access: { enum: ['read', 'write'] } })),
  }),
  LambdaError: {
    type: 'object',
    properties: { Type: { enum: ['User', 'Service'] }, Reason: text, Message: text, message: text },
    required: ['Type', 'message'],
  },
};
