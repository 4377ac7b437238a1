import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { InvokeCommandInput } from '@aws-sdk/client-lambda';
import t from 'tap';
import { deploy, startAdmin, token } from '#test/support/admin-server.ts';
import type { TestAdmin } from '#test/support/admin-server.ts';

const program = `
exports.handler = async (event, context) => {
  if (event.throw) throw new RangeError(event.throw);
  if (event.outcome) throw event.outcome;
  if (event.log) for (const line of event.log) console.log(line);
  return { statusCode: 200, body: JSON.stringify('Hello from Lambda!'), event, client: context.clientContext };
}`;

function clientOf(admin: TestAdmin, secretAccessKey = token, accessKeyId = 'islet'): LambdaClient {
  return new LambdaClient({
    endpoint: admin.server.url,
    region: 'eu-central-1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });
}

async function start(test: Parameters<typeof startAdmin>[0]): Promise<{
  readonly admin: TestAdmin;
  readonly invoke: (input: InvokeCommandInput) => Promise<Invoked>;
}> {
  const admin = await startAdmin(test);
  await deploy(admin, 'fn', program);
  const client = clientOf(admin);
  const invoke = async (input: InvokeCommandInput): Promise<Invoked> => {
    const { Payload, LogResult, StatusCode, FunctionError, ExecutedVersion } = await client.send(
      new InvokeCommand(input),
    );
    const text = Payload?.transformToString() ?? '';
    return {
      status: StatusCode,
      error: FunctionError,
      version: ExecutedVersion,
      payload: text === '' ? undefined : JSON.parse(text),
      log: LogResult === undefined ? undefined : Buffer.from(LogResult, 'base64').toString(),
    };
  };
  return { admin, invoke };
}

interface Invoked {
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly version: string | undefined;
  readonly payload: unknown;
  readonly log: string | undefined;
}

const json = (value: unknown): string => JSON.stringify(value);

void t.test('lambda: the SDK gets the payload, the status and the version', async (t) => {
  const { invoke } = await start(t);
  const result = await invoke({ FunctionName: 'fn', Payload: json({ n: 1 }) });
  t.match(result, { status: 200, error: undefined, version: '1', log: undefined });
  t.match(result.payload, { statusCode: 200, body: '"Hello from Lambda!"', event: { n: 1 } });
});

void t.test('lambda: no payload is an empty event, and a client context arrives', async (t) => {
  const { invoke } = await start(t);
  const context = Buffer.from(json({ custom: { who: 'ü' } })).toString('base64');
  const { payload } = await invoke({ FunctionName: 'fn', ClientContext: context });
  t.match(payload, { event: {}, client: { custom: { who: 'ü' } } });
});

void t.test('lambda: a name, a version, an ARN and a qualifier name the same function', async (t) => {
  const { admin, invoke } = await start(t);
  await deploy(admin, 'fn', `${program} // 2`);
  const arn = 'arn:aws:lambda:eu-central-1:000000000000:function:fn';
  for (const name of ['fn:1', `${arn}:1`, '000000000000:function:fn:1']) {
    t.equal((await invoke({ FunctionName: name })).version, '1', name);
  }
  for (const name of ['fn', arn, 'fn:$LATEST', '000000000000:function:fn']) {
    t.equal((await invoke({ FunctionName: name })).version, '2', name);
  }
  t.equal((await invoke({ FunctionName: arn, Qualifier: '1' })).version, '1');
  t.equal((await invoke({ FunctionName: 'fn', Qualifier: '$LATEST' })).version, '2');
});

void t.test('lambda: a thrown error is FunctionError Unhandled with type, message and trace', async (t) => {
  const { invoke } = await start(t);
  const result = await invoke({ FunctionName: 'fn', Payload: json({ throw: 'too far' }), LogType: 'Tail' });
  t.match(result, { status: 200, error: 'Unhandled', version: '1' });
  t.match(result.payload, {
    errorType: 'RangeError',
    errorMessage: 'too far',
    trace: ['RangeError: too far', /at /],
  });
  t.match(result.log, /\tERROR\tInvoke Error\t\{"errorType":"RangeError"/);
});

void t.test('lambda: the log tail has START, lines, END and REPORT', async (t) => {
  const { invoke } = await start(t);
  const { log = '' } = await invoke({
    FunctionName: 'fn',
    Payload: json({ log: ['one', 'two'] }),
    LogType: 'Tail',
  });
  const [begin, one, two, end, report, rest] = log.split('\n');
  const id = /^START RequestId: ([0-9a-f-]{36}) Version: 1$/.exec(begin ?? '')?.[1] ?? 'none';
  t.match(one, new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]{12}Z\t${id}\tINFO\tone$`));
  t.match(two, /\ttwo$/);
  t.equal(end, `END RequestId: ${id}`);
  t.equal(
    report,
    `REPORT RequestId: ${id}\tDuration: 2.25 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 5 MB\t`,
  );
  t.equal(rest, '');
});

void t.test('lambda: a long log is cut to its last 4096 bytes', async (t) => {
  const { invoke } = await start(t);
  const { log = '' } = await invoke({
    FunctionName: 'fn',
    Payload: json({ log: ['x'.repeat(9000)] }),
    LogType: 'Tail',
  });
  t.equal(Buffer.byteLength(log), 4096);
  t.match(log, /\nREPORT RequestId: .*\t\n$/);
});

void t.test('lambda: Event is taken with 202 and runs, DryRun is 204 and does not', async (t) => {
  const { admin, invoke } = await start(t);
  t.match(await invoke({ FunctionName: 'fn', InvocationType: 'Event', Payload: json({ throw: 'unseen' }) }), {
    status: 202,
    payload: undefined,
    error: undefined,
  });
  while ((await admin.host.usage('fn'))[0]?.outcomes['threw'] !== 1) await new Promise(setImmediate);
  t.equal((await invoke({ FunctionName: 'fn', InvocationType: 'DryRun' })).status, 204);
  t.equal((await admin.host.usage('fn'))[0]?.invocations, 1);
});

void t.test('lambda: outcomes that are not the handler’s become AWS’s errors', async (t) => {
  const { invoke } = await start(t);
  const rows: readonly (readonly [object, number, string, string | undefined])[] = [
    [{ kind: 'exceeded', limit: 'wallMs' }, 200, 'Sandbox.Timedout', 'Unhandled'],
    [{ kind: 'exceeded', limit: 'memoryMb' }, 200, 'Runtime.OutOfMemory', 'Unhandled'],
    [{ kind: 'exceeded', limit: 'cpuMs' }, 200, 'Runtime.ExitError', 'Unhandled'],
    [{ kind: 'crashed', cause: 'instance' }, 200, 'Runtime.ExitError', 'Unhandled'],
    [{ kind: 'refused', reason: 'no-handler' }, 200, 'Runtime.HandlerNotFound', 'Unhandled'],
    [{ kind: 'exceeded', limit: 'concurrency' }, 429, 'TooManyRequestsException', undefined],
    [{ kind: 'crashed', cause: 'cell' }, 502, 'ServiceException', undefined],
    [{ kind: 'refused', reason: 'closing' }, 503, 'ServiceException', undefined],
  ];
  for (const [outcome, status, name, error] of rows) {
    const call = invoke({ FunctionName: 'fn', Payload: json({ outcome }) });
    if (error !== undefined) {
      t.match(await call, { status, error, payload: { errorType: name } }, json(outcome));
      continue;
    }
    await t.rejects(call, { name, $metadata: { httpStatusCode: status } }, json(outcome));
  }
});

void t.test('lambda: bad calls are answered as AWS does', async (t) => {
  const { invoke } = await start(t);
  const rows: readonly (readonly [InvokeCommandInput, number, string])[] = [
    [{ FunctionName: 'none' }, 404, 'ResourceNotFoundException'],
    [{ FunctionName: 'fn:9' }, 404, 'ResourceNotFoundException'],
    [{ FunctionName: 'fn', Qualifier: '9' }, 404, 'ResourceNotFoundException'],
    [{ FunctionName: 'fn', Payload: '{' }, 400, 'InvalidRequestContentException'],
    [{ FunctionName: 'fn', Payload: new Uint8Array([34, 255, 34]) }, 400, 'InvalidRequestContentException'],
    [{ FunctionName: 'fn', ClientContext: '!' }, 400, 'InvalidRequestContentException'],
    [{ FunctionName: 'fn', InvocationType: 'Sometimes' as never }, 400, 'InvalidParameterValueException'],
    [{ FunctionName: 'fn:1', Qualifier: '2' }, 400, 'InvalidParameterValueException'],
    [{ FunctionName: 'fn:prod' }, 400, 'InvalidParameterValueException'],
    [{ FunctionName: 'Bad_Name' }, 400, 'InvalidParameterValueException'],
    [{ FunctionName: 'fn', Payload: json('x'.repeat(6 * 2 ** 20)) }, 413, 'RequestTooLargeException'],
  ];
  for (const [input, status, name] of rows) {
    await t.rejects(
      invoke(input),
      { name, $metadata: { httpStatusCode: status } },
      `${name} ${input.FunctionName}`,
    );
  }
});

void t.test('lambda: a wrong secret, an unknown key and no credentials are refused', async (t) => {
  const { admin } = await start(t);
  const send = (client: LambdaClient): Promise<unknown> =>
    client.send(new InvokeCommand({ FunctionName: 'fn' }));
  const refused = (name: string): Error => ({ name, $metadata: { httpStatusCode: 403 } }) as never;
  await t.rejects(send(clientOf(admin, 'wrong')), refused('InvalidSignatureException'));
  await t.rejects(send(clientOf(admin, token, 'AKIA')), refused('UnrecognizedClientException'));
  const path = '/2015-03-31/functions/fn/invocations';
  const bare = await fetch(`${admin.server.url}${path}`, { method: 'POST' });
  t.equal(bare.status, 403);
  t.equal(bare.headers.get('x-amzn-errortype'), 'MissingAuthenticationTokenException');
  const wrong = await admin.call('POST', path, '{}', { authorization: 'Bearer wrong' });
  t.equal(wrong.status, 403);
  t.equal((await admin.call('POST', path, '{}')).status, 200, 'the bearer token does too');
});
