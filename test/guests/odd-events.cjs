// Event handlers' results that are no answer, by path.
const answers = {
  '/status-range': () => ({ statusCode: 99, body: '' }),
  '/status-word': () => ({ statusCode: 'fine', body: '' }),
  '/body-object': () => ({ statusCode: 200, body: { not: 'text' } }),
  '/bad-header-name': () => ({ statusCode: 200, headers: { 'a b': '1' }, body: '' }),
  '/bad-header-value': () => ({ statusCode: 200, headers: { a: '1\r\nset-cookie: b=2' }, body: '' }),
  '/bad-base64': () => ({ statusCode: 200, body: '***', isBase64Encoded: true }),
  '/circular': () => {
    const value = {};
    value.value = value;
    return value;
  },
  '/bigint': () => ({ big: 1n }),
};

exports.handler = async (event) => answers[event.rawPath]();
