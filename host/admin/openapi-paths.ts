import type { Answer, OpenApiDocument, Operation } from './openapi.ts';
import type { Schema } from './openapi-schemas.ts';
import { ref } from './openapi-schemas.ts';

const json = (schema: Schema): NonNullable<Answer['content']> => ({ 'application/json': { schema } });
const ok = (name: string, description = 'Done'): Answer => ({
  description,
  content: json(ref(name)),
});
const failed: Answer = { description: 'An error with its code', content: json(ref('Error')) };
const done: Answer = { description: 'Done' };
const lines: NonNullable<Answer['content']> = { 'application/jsonl': { schema: ref('KvRecord') } };
const bytes: Schema = { content: { 'application/octet-stream': { schema: {} } } };
const body = (name: string, required = true): Schema => ({
  required,
  content: json(ref(name)),
});
const inPath = (name: string, schema: Schema = { type: 'string' }): Schema => ({
  name,
  in: 'path',
  required: true,
  schema,
});
const inQuery = (name: string, type: string, description: string): Schema => ({
  name,
  in: 'query',
  schema: { type },
  description,
});
const inHeader = (name: string, schema: Schema): Schema => ({ name, in: 'header', schema });
const name = inPath('name');
const events: Answer = {
  description: 'Server-sent events: `log` with a LogEntry as JSON, `end` after the last, `error` with a code',
  content: { 'text/event-stream': { schema: { type: 'string' } } },
};
const logQuery = [
  inQuery('tail', 'integer', 'Earlier lines to begin with; default 100'),
  inQuery('follow', 'boolean', 'Stay and send lines as they come'),
];

/** One operation; every one may answer with an Error. */
function operation(
  operationId: string,
  summary: string,
  rest: Omit<Operation, 'operationId' | 'summary'>,
): Operation {
  return {
    operationId,
    summary,
    ...rest,
    responses: { ...rest.responses, default: rest.responses['default'] ?? failed },
  };
}

/** Every route of the admin API; a test holds it to what the app has registered. */
export const paths: OpenApiDocument['paths'] = {
  '/v1/functions': {
    get: operation('listFunctions', 'Every function', { responses: { 200: ok('FunctionList') } }),
  },
  '/v1/functions/{name}': {
    get: operation('getFunction', 'One function', {
      parameters: [name],
      responses: { 200: ok('FunctionInfo') },
    }),
    delete: operation('deleteFunction', 'Delete a function and its secrets; KV data stays', {
      parameters: [name],
      responses: { 204: done },
    }),
  },
  '/v1/functions/{name}/deployments': {
    post: operation('deploy', 'Store a version and move traffic to it', {
      parameters: [name],
      requestBody: body('Deployment'),
      responses: { 201: ok('VersionInfo', 'The version, new or found by its content') },
    }),
  },
  '/v1/functions/{name}/assets/missing': {
    post: operation('missingAssets', 'Which static files the function does not have yet', {
      parameters: [name],
      requestBody: body('AssetHashes'),
      responses: { 200: ok('MissingAssets') },
    }),
  },
  '/v1/functions/{name}/assets/{hash}': {
    put: operation('putAsset', 'Send a static file before the deployment that names it', {
      parameters: [name, inPath('hash', { type: 'string', pattern: '^[0-9a-f]{64}$' })],
      requestBody: { required: true, ...bytes },
      responses: { 204: done },
    }),
  },
  '/v1/functions/{name}/versions': {
    get: operation('listVersions', 'Versions of a function', {
      parameters: [name],
      responses: { 200: ok('VersionList') },
    }),
  },
  '/v1/functions/{name}/versions/{version}': {
    delete: operation('deleteVersion', 'Delete a version that has no traffic', {
      parameters: [name, inPath('version', { type: 'integer', minimum: 1 })],
      responses: { 204: done },
    }),
  },
  '/v1/functions/{name}/rollback': {
    post: operation('rollback', 'Move traffic to a version, by default the one that had it before', {
      parameters: [name],
      requestBody: body('Rollback', false),
      responses: { 200: ok('VersionInfo') },
    }),
  },
  '/v1/functions/{name}/weights': {
    put: operation('setWeights', 'Share traffic between two versions', {
      parameters: [name],
      requestBody: body('Weights'),
      responses: { 200: ok('FunctionInfo') },
    }),
  },
  '/v1/functions/{name}/secrets': {
    get: operation('listSecrets', 'Names of secrets; values never come out', {
      parameters: [name],
      responses: { 200: ok('SecretList') },
    }),
  },
  '/v1/functions/{name}/secrets/{key}': {
    put: operation('putSecret', 'Set a secret', {
      parameters: [name, inPath('key')],
      requestBody: body('Secret'),
      responses: { 204: done },
    }),
    delete: operation('deleteSecret', 'Remove a secret', {
      parameters: [name, inPath('key')],
      responses: { 204: done },
    }),
  },
  '/v1/functions/{name}/vars': {
    get: operation('getVars', 'Variables of the active version', {
      parameters: [name],
      responses: { 200: ok('Vars') },
    }),
    patch: operation('setVars', 'Change variables; null removes one. Makes a new version', {
      parameters: [name],
      requestBody: body('VarsChange'),
      responses: { 200: ok('VersionInfo') },
    }),
  },
  '/v1/functions/{name}/invoke': {
    post: operation('invoke', 'Send an event to the handler; the outcome tells how it ended', {
      parameters: [name, inQuery('version', 'integer', 'Default: by traffic')],
      requestBody: { content: json({ description: 'The event' }) },
      responses: { 200: ok('InvokeResult') },
    }),
  },
  '/v1/functions/{name}/logs': {
    get: operation('functionLogs', 'Log lines of a function', {
      parameters: [name, ...logQuery],
      responses: { 200: events },
    }),
  },
  '/v1/logs': {
    get: operation('logs', 'Log lines of every function', {
      parameters: logQuery,
      responses: { 200: events },
    }),
  },
  '/v1/usage': {
    get: operation('usage', 'What functions used, by version', {
      parameters: [inQuery('function', 'string', 'Only this one')],
      responses: { 200: ok('UsageList') },
    }),
  },
  '/v1/health': { get: operation('health', 'The host and its cells', { responses: { 200: ok('Health') } }) },
  '/v1/kv': {
    get: operation('listNamespaces', 'KV namespaces', { responses: { 200: ok('NamespaceList') } }),
  },
  '/v1/kv/{namespace}/keys': {
    get: operation('listKeys', 'Keys of a namespace', {
      parameters: [
        inPath('namespace'),
        inQuery('prefix', 'string', 'Only keys that begin with it'),
        inQuery('start', 'string', 'The first key of the range'),
        inQuery('end', 'string', 'The key before which the range ends'),
        inQuery('reverse', 'boolean', 'From the last key to the first'),
        inQuery('limit', 'integer', '1 to 1000, default 1000'),
        inQuery('cursor', 'string', 'Where the last list ended'),
      ],
      responses: { 200: ok('KeyList') },
    }),
  },
  '/v1/kv/{namespace}/values/{key}': {
    get: operation('getValue', 'A value as it is', {
      parameters: [inPath('namespace'), inPath('key')],
      responses: {
        200: {
          description: 'The bytes',
          headers: { 'x-islet-kv-metadata': { schema: { type: 'string' }, description: 'JSON' } },
          content: { 'application/octet-stream': { schema: {} } },
        },
      },
    }),
    put: operation('putValue', 'Store a value', {
      parameters: [
        inPath('namespace'),
        inPath('key'),
        inQuery('expiration', 'integer', 'Seconds since the epoch'),
        inQuery('expirationTtl', 'integer', 'Seconds from now, 60 or more'),
        inQuery('metadata', 'string', 'JSON of 1024 bytes at the most'),
      ],
      requestBody: bytes,
      responses: { 204: done },
    }),
    delete: operation('deleteValue', 'Remove a value', {
      parameters: [inPath('namespace'), inPath('key')],
      responses: { 204: done },
    }),
  },
  '/v1/kv/{namespace}/export': {
    get: operation('exportNamespace', 'Every entry as a line of JSON (KvRecord), in order of keys', {
      parameters: [inPath('namespace'), inQuery('prefix', 'string', 'Only keys that begin with it')],
      responses: { 200: { description: 'The lines', content: lines } },
    }),
  },
  '/v1/kv/{namespace}/import': {
    post: operation('importNamespace', 'Put every line (KvRecord); a bad one ends it and is named', {
      parameters: [inPath('namespace'), inQuery('ifAbsent', 'boolean', 'Leave keys that are there alone')],
      requestBody: { required: true, content: lines },
      responses: { 200: ok('KvImported', 'What went in, and the line that did not') },
    }),
  },
  '/v1/kv/{namespace}/grants/{cordon}': {
    put: operation('grantNamespace', 'Let the functions of another cordon use a namespace', {
      parameters: [inPath('namespace'), inPath('cordon')],
      requestBody: body('KvAccess'),
      responses: { 204: done },
    }),
    delete: operation('revokeNamespace', 'Take that back; what is under way is refused from then on', {
      parameters: [inPath('namespace'), inPath('cordon')],
      responses: { 204: done },
    }),
  },
  '/v1/kv-grants': {
    get: operation('listGrants', 'Namespaces that other cordons may use', {
      responses: { 200: ok('KvGrantList') },
    }),
  },
  '/healthz': {
    get: operation('liveness', 'Whether the host takes calls; needs no token', {
      security: [],
      responses: { 200: ok('Liveness'), 503: ok('Liveness', 'It is closing') },
    }),
  },
  '/metrics': {
    get: operation('metrics', 'Prometheus text format', {
      responses: {
        200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
      },
    }),
  },
  '/openapi.json': {
    get: operation('openapi', 'This document', {
      responses: { 200: { description: 'OpenAPI 3.1', content: json({ type: 'object' }) } },
    }),
  },
  '/2015-03-31/functions/{name}/invocations': {
    post: operation(
      'lambdaInvoke',
      'Invoke as AWS Lambda has it; signed with SigV4 or with the bearer token',
      {
        security: [{ sigv4: [] }, { bearer: [] }],
        parameters: [
          name,
          inQuery('Qualifier', 'string', 'A version'),
          inHeader('x-amz-invocation-type', { enum: ['RequestResponse', 'Event', 'DryRun'] }),
          inHeader('x-amz-log-type', { enum: ['None', 'Tail'] }),
          inHeader('x-amz-client-context', { type: 'string' }),
        ],
        requestBody: { content: json({ description: 'The event' }) },
        responses: {
          200: {
            description: 'The payload; an error document when x-amz-function-error is set',
            headers: {
              'x-amz-function-error': { schema: { type: 'string' } },
              'x-amz-log-result': { schema: { type: 'string' } },
              'x-amz-executed-version': { schema: { type: 'string' } },
            },
            content: json({}),
          },
          202: { description: 'Taken (Event)' },
          204: { description: 'It would run (DryRun)' },
          default: ok('LambdaError', 'An error by AWS’s name, also in x-amzn-errortype'),
        },
      },
    ),
  },
};
