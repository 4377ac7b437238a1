// A wasi:http 0.3 component: "Hello World!", /echo sends the body back as it comes, /trap-like paths fail.
import { Fields, Request, Response } from 'wasi:http/types@0.3.0';

const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const done = () => Promise.resolve({ tag: 'ok', val: null });

function respond(status, contents) {
  const headers = Fields.fromList([['content-type', ascii('text/plain')]]);
  const [response] = Response.new(headers, contents, done());
  response.setStatusCode(status);
  return response;
}

async function* whole(text) {
  yield ascii(text);
}

export const handler = {
  async handle(request) {
    switch (request.getPathWithQuery()) {
      case '/':
        return respond(200, whole('Hello World!'));
      case '/echo':
        return respond(200, Request.consumeBody(request, Promise.resolve({ tag: 'ok' }))[0]);
      case '/fail':
        throw { tag: 'internal-error', val: 'boom' };
      case '/throw':
        throw new TypeError('boom');
      case '/loop':
        for (;;);
      case '/never':
        return new Promise(() => {});
      default:
        return respond(404, whole('nothing here'));
    }
  },
};
