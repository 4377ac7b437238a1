import { parseFunctionName } from '#runtime/deployment.ts';
import { LambdaError } from './lambda-error.ts';

export interface FunctionReference {
  readonly name: string;
  /** Undefined: the traffic decides (`$LATEST`, or no qualifier). */
  readonly version?: number;
}

/**
 * The forms Invoke documents for FunctionName: `name`, `name:3`, `123456789012:function:name[:3]` and
 * `arn:aws:lambda:region:account:function:name[:3]`; a `Qualifier` says the version where the name does not.
 */
export function parseFunctionReference(text: string, qualifier: string | undefined): FunctionReference {
  const parts =
    /^(?:(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?\d{12}:function:)?([^:]+)(?::([^:]+))?$/.exec(text) ??
    undefined;
  if (parts?.[1] === undefined) throw invalid(`FunctionName ${JSON.stringify(text)} is not a name or an ARN`);
  if (parts[2] !== undefined && qualifier !== undefined && parts[2] !== qualifier) {
    throw invalid('The derived qualifier from the function name does not match the specified qualifier.');
  }
  const version = parseQualifier(parts[2] ?? qualifier);
  return { name: parseName(parts[1]), ...(version === undefined ? {} : { version }) };
}

function parseQualifier(text: string | undefined): number | undefined {
  if (text === undefined || text === '$LATEST') return undefined;
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw invalid(`Qualifier ${JSON.stringify(text)} is not a version here; use a number or $LATEST`);
}

function parseName(text: string): string {
  try {
    return parseFunctionName(text);
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

function invalid(message: string): LambdaError {
  return new LambdaError(400, 'InvalidParameterValueException', message);
}
