import type { InvokeResult } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { outcomeRow } from '#runtime/outcome.ts';
import { LambdaError } from './lambda-error.ts';
import { lambdaLog } from './lambda-log.ts';

/** The last 4 KB of the log go into `X-Amz-Log-Result`. */
const tailBytes = 4096;

/** What a failed handler's caller gets as the payload. */
interface Failure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** The answer to a RequestResponse invocation; throws LambdaError for outcomes that never reached the function. */
export function toLambdaResponse(
  result: InvokeResult,
  options: { readonly memoryMb: number; readonly tail: boolean },
): Response {
  const failure = toFailure(result);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-amzn-requestid': result.invocationId,
    'x-amz-executed-version': String(result.version),
  };
  if (failure !== undefined) headers['x-amz-function-error'] = 'Unhandled';
  if (options.tail) {
    const log = Buffer.from(lambdaLog(result, { memoryMb: options.memoryMb, failure }));
    headers['x-amz-log-result'] = log.subarray(-tailBytes).toString('base64');
  }
  const payload = failure === undefined ? toPayload(result) : JSON.stringify(failure);
  return new Response(payload, { status: 200, headers });
}

/** Any error in AWS's shape: `x-amzn-ErrorType`, and a body with `Type` and `message`. */
export function toLambdaError(error: unknown): Response {
  const { status, type, message, fields } = asLambdaError(error);
  const blame = status >= 500 ? 'Service' : 'User';
  return Response.json(
    { Type: blame, ...fields, Message: message, message },
    { status, headers: { 'x-amzn-errortype': type, ...(status === 429 ? { 'retry-after': '1' } : {}) } },
  );
}

function asLambdaError(error: unknown): LambdaError {
  if (error instanceof LambdaError) return error;
  if (!(error instanceof HostError)) return new LambdaError(500, 'ServiceException', 'Internal failure');
  if (error.code === 'ERR_NO_FUNCTION' || error.code === 'ERR_NO_VERSION') {
    return new LambdaError(404, 'ResourceNotFoundException', `Function not found: ${error.message}`);
  }
  if (error.code === 'ERR_UNAUTHORIZED') {
    return new LambdaError(403, 'UnrecognizedClientException', error.message);
  }
  if (error.code === 'ERR_CLOSING') return new LambdaError(503, 'ServiceException', error.message);
  if (error.status >= 500) return new LambdaError(500, 'ServiceException', 'Internal failure');
  return new LambdaError(error.status, 'InvalidParameterValueException', error.message);
}

function toPayload(result: InvokeResult): string {
  return result.outcome.kind === 'returned' ? result.outcome.value : 'null';
}

/** Undefined when the handler returned. Types and wording are those Lambda's Node.js runtime uses. */
function toFailure({ outcome, invocationId, usage }: InvokeResult): Failure | undefined {
  const exit = (errorType: string, what: string): Failure => ({
    errorType,
    errorMessage: `RequestId: ${invocationId} Error: ${what}`,
    trace: [],
  });
  switch (outcome.kind) {
    case 'returned':
      return undefined;
    case 'threw': {
      const { name, message, stack } = outcome.error;
      return { errorType: name, errorMessage: message, trace: (stack ?? `${name}: ${message}`).split('\n') };
    }
    case 'exceeded':
      return exceeded(outcome, usage.wallMs, exit);
    case 'refused':
      if (outcome.reason === 'closing') throw new LambdaError(503, 'ServiceException', 'The host is closing');
      return exit('Runtime.HandlerNotFound', 'handler is undefined or not exported');
    case 'crashed':
      if (outcome.cause === 'instance') return exit('Runtime.ExitError', 'Runtime exited');
      throw new LambdaError(502, 'ServiceException', `The instance was lost (${outcomeRow(outcome).code})`);
    case 'cancelled':
      throw new LambdaError(500, 'ServiceException', 'The invocation was cancelled');
    case 'responded':
      return exit('Runtime.MalformedHandlerResponse', 'the function answered an event with a response');
  }
}

function exceeded(
  outcome: Extract<Outcome, { kind: 'exceeded' }>,
  wallMs: number,
  exit: (errorType: string, what: string) => Failure,
): Failure {
  if (outcome.limit === 'concurrency') {
    throw new LambdaError(429, 'TooManyRequestsException', 'Rate Exceeded.', {
      Reason: 'ConcurrentInvocationLimitExceeded',
    });
  }
  if (outcome.limit === 'wallMs') {
    return exit('Sandbox.Timedout', `Task timed out after ${(wallMs / 1000).toFixed(2)} seconds`);
  }
  if (outcome.limit === 'memoryMb')
    return exit('Runtime.OutOfMemory', 'Runtime exited with error: signal: killed');
  const { code } = outcomeRow(outcome);
  return exit('Runtime.ExitError', `The limit ${outcome.limit} was exceeded (${code})`);
}
