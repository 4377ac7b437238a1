import { Hono } from 'hono';
import type { Host, VersionInfo } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { checkBearer } from './guard.ts';
import { readBytes } from './input.ts';
import { eventBytes } from './bounds.ts';
import { toLambdaError, toLambdaResponse } from './lambda-answer.ts';
import { LambdaError } from './lambda-error.ts';
import { parseFunctionReference } from './lambda-name.ts';
import { refuseSignature } from './sigv4.ts';

/** AWS's API version of Invoke. */
export const lambdaPrefix = '/2015-03-31/';

export interface LambdaOptions {
  readonly token: string;
  readonly now: () => number;
}

/**
 * Invoke as AWS documents it (Lambda API reference, "Invoke"), so that its SDKs work with an endpoint override.
 * Callers sign with SigV4 (sigv4.ts) or send the bearer token.
 */
export function lambdaRoutes(host: Host, options: LambdaOptions): Hono {
  const app = new Hono();

  app.post('/2015-03-31/functions/:name/invocations', async (c) => {
    const request = c.req.raw;
    const body = await authorize(request, options);
    const { name, version } = parseFunctionReference(c.req.param('name'), c.req.query('Qualifier'));
    const event = parseEvent(body);
    const clientContext = parseClientContext(c.req.header('x-amz-client-context'));
    const target = await findVersion(host, name, version);
    const call = { ...(version === undefined ? {} : { version }), ...clientContext };

    const type = c.req.header('x-amz-invocation-type') ?? 'RequestResponse';
    switch (type) {
      case 'DryRun':
        return new Response(null, { status: 204 });
      case 'Event':
        // The outcome is in the function's log and usage; AWS tells the caller nothing more either.
        host.invoke(name, event, call).catch(() => {});
        return new Response(null, {
          status: 202,
          headers: { 'x-amz-executed-version': String(target.version) },
        });
      case 'RequestResponse': {
        const result = await host.invoke(name, event, call);
        const tail = c.req.header('x-amz-log-type') === 'Tail';
        return toLambdaResponse(result, { memoryMb: target.limits.memoryMb, tail });
      }
      default:
        throw new LambdaError(
          400,
          'InvalidParameterValueException',
          `Invocation type ${JSON.stringify(type)} is not known; use RequestResponse, Event or DryRun`,
        );
    }
  });

  app.onError((error) => toLambdaError(error));
  return app;
}

/** The body, once the caller is known. */
async function authorize(request: Request, options: LambdaOptions): Promise<Uint8Array> {
  const tooLarge = (): LambdaError =>
    new LambdaError(
      413,
      'RequestTooLargeException',
      `Request must be smaller than ${eventBytes} bytes for the InvokeFunction operation`,
    );
  const header = request.headers.get('authorization') ?? '';
  if (/^bearer /i.test(header)) {
    checkBearer(request, options.token);
    return readBytes(request, eventBytes, tooLarge);
  }
  const { method, headers } = request;
  const url = new URL(request.url);
  if (header === '')
    throw new LambdaError(403, 'MissingAuthenticationTokenException', 'Missing Authentication Token');
  const body = await readBytes(request, eventBytes, tooLarge);
  const refusal = refuseSignature({ method, url, headers, body }, options.token, options.now());
  if (refusal !== undefined) throw new LambdaError(403, refusal.type, refusal.message);
  return body;
}

/** An empty payload is an empty event, as on Lambda. */
function parseEvent(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new LambdaError(
      400,
      'InvalidRequestContentException',
      `Could not parse request body into json: ${(error as Error).message}`,
    );
  }
}

function parseClientContext(header: string | undefined): { clientContext?: unknown } {
  if (header === undefined || header === '') return {};
  try {
    return { clientContext: JSON.parse(Buffer.from(header, 'base64').toString()) };
  } catch {
    throw new LambdaError(
      400,
      'InvalidRequestContentException',
      'Client context must be a valid Base64-encoded JSON object.',
    );
  }
}

/** The version asked for, else the one with the most traffic: for what AWS says about it before and after the call. */
async function findVersion(host: Host, name: string, version: number | undefined): Promise<VersionInfo> {
  const versions = await host.versions(name);
  const found =
    version === undefined
      ? versions.toSorted((a, b) => b.weight - a.weight)[0]
      : versions.find((info) => info.version === version);
  if (found !== undefined) return found;
  throw new HostError('ERR_NO_VERSION', `Cannot invoke "${name}": it has no version ${version}`);
}
