import * as fc from 'fast-check';
import t from 'tap';
import { parseAuthority, parseTarget } from '#host/http/request-target.ts';

/** Pieces that URL parsers treat in a way of their own, among plain ones. */
const piece = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '\\',
    '?',
    '@',
    ':',
    ';',
    '|',
    '^',
    '`',
    '{',
    '}',
    '"',
  ),
  fc.constantFrom(
    '<',
    '>',
    "'",
    '[',
    ']',
    '%',
    '%zz',
    '~',
    '*',
    '\xe9',
    'a',
    'b%20',
    'http:',
    '&',
    '=',
    '+',
    '$',
  ),
);
const targets = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

void t.test('request target: what is routed is what the guest reads off its URL', (t) => {
  fc.assert(
    fc.property(targets, fc.boolean(), (target, absolute) => {
      const parsed = parseTarget(absolute ? `http://h:81${target}` : target, 'h:81');
      if (parsed === undefined) return false;
      const url = new URL(`http://${parsed.authority.host}${parsed.path}${parsed.query}`);
      return url.host === 'h:81' && url.pathname === parsed.path;
    }),
    { numRuns: 5_000 },
  );
  t.end();
});

void t.test('request target: anything a client can send is either taken or refused, never thrown', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (target, host) => {
      const parsed = parseTarget(target, host);
      if (parsed !== undefined) void new URL(`http://${parsed.authority.host}${parsed.path}${parsed.query}`);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'aZ09.-_~:[]@/%x'.split('')) }), (host) => {
      const authority = parseAuthority(host);
      if (authority !== undefined) void new URL(`http://${authority.host}/`);
    }),
    { numRuns: 5_000 },
  );
  t.end();
});

void t.test('request target: the host name is in lower case and without port', (t) => {
  t.strictSame(parseAuthority('Hello.LOCALHOST.:8787'), {
    host: 'hello.localhost.:8787',
    hostname: 'hello.localhost',
  });
  t.strictSame(parseAuthority('[::1]:8787'), { host: '[::1]:8787', hostname: '[::1]' });
  t.equal(parseAuthority('a'.repeat(10) + '@b'), undefined);
  t.end();
});
