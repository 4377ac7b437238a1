import { createHash, createHmac } from 'node:crypto';
import t from 'tap';
import { refuseSignature } from '#host/admin/sigv4.ts';
import type { SignedRequest } from '#host/admin/sigv4.ts';

const secret = 'the-token';
const now = Date.UTC(2026, 10, 23, 21, 32, 0);
const date = '20261123T213200Z';

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Signs as the standard's text says, step by step, for this one request. */
function signed(
  change: Partial<Record<'id' | 'date' | 'names' | 'service' | 'path', string>> = {},
): SignedRequest {
  const { id = 'islet', names = 'host;x-amz-date', service = 'lambda' } = change;
  const { path = '/2015-03-31/functions/fn%3A1/invocations', date: at = date } = change;
  const body = Buffer.from('{"n":1}');
  const headers = new Headers({ host: 'localhost:8788', 'x-amz-date': at, 'x-note': '  two   words ' });
  const values: Record<string, string> = { host: 'localhost:8788', 'x-amz-date': at, 'x-note': 'two words' };
  const canonical = [
    'POST',
    '/2015-03-31/functions/fn%253A1/invocations',
    'A=&B=2%20%2A&b=1',
    ...names.split(';').map((name) => `${name}:${values[name]}`),
    '',
    names,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  const scope = `${at.slice(0, 8)}/eu-west-1/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', at, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  let key: string | Buffer = `AWS4${secret}`;
  for (const part of scope.split('/')) key = hmac(key, part);
  const signature = hmac(key, text).toString('hex');
  headers.set(
    'authorization',
    `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  );
  return { method: 'POST', url: new URL(`http://localhost:8788${path}?b=1&B=2%20*&A`), headers, body };
}

function refusal(request: SignedRequest, at = now): string | undefined {
  return refuseSignature(request, secret, at)?.type;
}

void t.test('sigv4: a signature made by the standard’s steps holds', async (t) => {
  t.equal(refusal(signed()), undefined);
  t.equal(refusal(signed({ names: 'host;x-amz-date;x-note' })), undefined);
});

void t.test('sigv4: whatever is signed cannot be changed', async (t) => {
  const request = signed({ names: 'host;x-amz-date;x-note' });
  const bad = 'InvalidSignatureException';
  t.equal(refusal({ ...request, method: 'PUT' }), bad);
  t.equal(refusal({ ...request, body: Buffer.from('{"n":2}') }), bad);
  t.equal(refusal({ ...request, url: new URL(request.url.href.replace('fn', 'gn')) }), bad);
  t.equal(refusal({ ...request, url: new URL(`${request.url.href}&c=1`) }), bad);
  const headers = new Headers(request.headers);
  headers.set('x-note', 'other words');
  t.equal(refusal({ ...request, headers }), bad);
  t.equal(refuseSignature(request, 'another-token', now)?.type, bad);
});

void t.test('sigv4: fifteen minutes either way, and not a second more', async (t) => {
  const quarter = 15 * 60_000;
  for (const at of [now - quarter, now + quarter]) t.equal(refusal(signed(), at), undefined);
  for (const at of [now - quarter - 1000, now + quarter + 1000]) {
    t.equal(refusal(signed(), at), 'InvalidSignatureException');
  }
});

void t.test('sigv4: malformed and foreign authorizations are refused by their names', async (t) => {
  const withHeader = (value: string | undefined): SignedRequest => {
    const request = signed();
    const headers = new Headers(request.headers);
    headers.delete('authorization');
    if (value !== undefined) headers.set('authorization', value);
    return { ...request, headers };
  };
  t.equal(refusal(withHeader(undefined)), 'MissingAuthenticationTokenException');
  for (const value of [
    'AWS4-HMAC-SHA256',
    'Basic x',
    'AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host',
  ]) {
    t.equal(refusal(withHeader(value)), 'IncompleteSignatureException', value);
  }
  t.equal(refusal(signed({ date: 'yesterday' })), 'IncompleteSignatureException');
  t.equal(refusal(signed({ date: '20269923T213200Z' })), 'IncompleteSignatureException');
  t.equal(refusal(signed({ id: 'AKIA' })), 'UnrecognizedClientException');
  t.equal(refusal(signed({ service: 's3' })), 'InvalidSignatureException');
  t.equal(refusal(signed({ names: 'x-amz-date' })), 'InvalidSignatureException');
  t.equal(refusal(signed({ names: 'host' })), 'InvalidSignatureException');
});
