// A wasi:http 0.3 component: does what the first letter of its path says, as the guest of test/contract/engine.ts does.
import { Fields, Request, Response } from 'wasi:http/types@0.3.0';
import { open } from 'wasi:keyvalue/store@0.2.0-draft2';
import { log } from 'wasi:logging/logging@0.1.0-draft';

const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const done = () => Promise.resolve({ tag: 'ok', val: null });

function respond(status, contents) {
  const headers = Fields.fromList([['content-type', ascii('text/plain')]]);
  const [response] = Response.new(headers, contents, done());
  response.setStatusCode(status);
  return response;
}

async function* whole(bytes) {
  yield bytes;
}

async function* babble() {
  for (;;) yield new Uint8Array(4096).fill(98);
}

function grow() {
  const kept = [];
  for (;;) kept.push(new Uint8Array(2 ** 20).fill(1));
}

const recurse = (n) => recurse(n + 1) + n;

function valueOf(key) {
  try {
    return open('KV').get(key) ?? ascii('none');
  } catch (error) {
    return ascii(error.payload?.val ?? error.message);
  }
}

export const handler = {
  async handle(request) {
    switch (request.getPathWithQuery()[1]) {
      case undefined:
        return respond(200, whole(ascii('hello')));
      case 'e':
        return respond(200, Request.consumeBody(request, Promise.resolve({ tag: 'ok' }))[0]);
      case 'b':
        return respond(200, babble());
      case 'f':
        throw { tag: 'internal-error', val: 'boom' };
      case 't':
        throw new TypeError('boom');
      case 'r':
        return recurse(0);
      case 'g':
        return grow();
      case 'l':
        for (;;);
      case 'n':
        return new Promise(() => {});
      case 'o':
        for (let i = 0; i < 100; i++) log('info', '', '0123456789');
        return respond(200, whole(ascii('hello')));
      case 'k':
        return respond(200, whole(valueOf('key')));
      default:
        return respond(404, whole(ascii('nothing here')));
    }
  },
};
