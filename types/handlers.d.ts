import type { Caller } from './auth.js';

/** The default export of a module: any of its members may be left out, not all. */
export interface ExportedHandler<E = unknown> {
  fetch?: FetchHandler<E>;
  handler?: EventHandler<unknown, unknown, E>;
}

/** Answers requests. */
export type FetchHandler<E = unknown> = (
  request: Request,
  env: E,
  ctx: ExecutionContext,
) => Response | Promise<Response>;

/** Answers events as AWS Lambda's Node runtime calls it; requests come as events of an HTTP API, version 2.0. */
export type EventHandler<Event = unknown, Result = unknown, E = unknown> = (
  event: Event,
  context: LambdaContext<E>,
  callback: (error?: Error | string | null, result?: Result) => void,
) => Result | Promise<Result> | void;

export interface ExecutionContext {
  /** Keeps the invocation alive until the promise settles, within its wall limit. */
  waitUntil(promise: Promise<unknown>): void;
  readonly props: object;
  /** Whom an access rule found; null where it found nobody, undefined where none asked. */
  readonly user: Caller | null | undefined;
}

export interface LambdaContext<E = unknown> {
  /** Variables, secrets and bindings, as `env` of a fetch handler. Not enumerable: it is in no printed context. */
  readonly env: E;
  callbackWaitsForEmptyEventLoop: boolean;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly memoryLimitInMB: string;
  readonly invokedFunctionArn: string;
  readonly awsRequestId: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly clientContext?: unknown;
  readonly identity?: undefined;
  getRemainingTimeInMillis(): number;
  done(error?: unknown, result?: unknown): void;
  succeed(result?: unknown): void;
  fail(error?: unknown): void;
}

/** A request as an HTTP API sends it to a handler, payload version 2.0. */
export interface HttpEvent {
  readonly version: '2.0';
  readonly routeKey: '$default';
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: readonly string[];
  /** Names in lower case; several values joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly isBase64Encoded: boolean;
  readonly requestContext: {
    readonly accountId: string;
    readonly apiId: string;
    /** Whom an access rule found: claims as text. */
    readonly authorizer?: {
      readonly jwt: {
        readonly claims: Readonly<Record<string, string>>;
        readonly scopes: readonly string[] | null;
      };
    };
    readonly domainName: string;
    readonly domainPrefix: string;
    readonly http: {
      readonly method: string;
      readonly path: string;
      readonly protocol: string;
      readonly sourceIp: string;
      readonly userAgent: string;
    };
    readonly requestId: string;
    readonly routeKey: '$default';
    readonly stage: '$default';
    readonly time: string;
    readonly timeEpoch: number;
  };
}

/** What a handler may answer an HttpEvent with; anything else is sent as JSON. */
export interface HttpResult {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  readonly cookies?: readonly string[];
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}
