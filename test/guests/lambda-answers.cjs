// One answer for each form API Gateway documents, by path.
const answers = {
  '/object': () => ({ a: 1 }),
  '/string': () => 'plain',
  '/number': () => 42,
  '/nothing': () => undefined,
  '/status': () => ({ statusCode: 418, headers: { 'X-Tea': 'pot' }, body: 'short and stout' }),
  '/status-text': () => ({ statusCode: '202', body: 'accepted' }),
  '/cookies': () => ({ statusCode: 200, cookies: ['a=1; Path=/', 'b=2; HttpOnly'], body: '' }),
  '/multi': () => ({ statusCode: 200, multiValueHeaders: { 'x-many': ['1', '2'] }, body: 'ok' }),
  '/binary': () => ({
    statusCode: 200,
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer_([0, 255, 128, 10]),
    isBase64Encoded: true,
  }),
  '/echo': (event) => ({
    statusCode: 200,
    headers: { 'content-type': 'application/octet-stream', 'x-was-base64': String(event.isBase64Encoded) },
    body: event.body,
    isBase64Encoded: event.isBase64Encoded,
  }),
};

function Buffer_(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

exports.handler = async (event) => answers[event.rawPath](event);
