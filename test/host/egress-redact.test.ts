import { inspect } from 'node:util';
import t from 'tap';
import { createRedact } from '#host/redact.ts';

const secret = 's3cr3t/+ ü"key~\\!';
const redact = createRedact(
  { API_KEY: secret, SHORT: 'abcde', EMPTY: '' },
  { PEM: 'first line\nsecond line of a key\nx' },
);

void t.test('redact: a secret is found as it is and as it travels', (t) => {
  const forms: Readonly<Record<string, string>> = {
    plain: secret,
    'in the middle': `key=${secret}&x`,
    JSON: JSON.stringify({ key: secret }),
    component: encodeURIComponent(secret),
    'component, lower case': encodeURIComponent(secret).toLowerCase(),
    URI: encodeURI(secret),
    form: new URLSearchParams({ key: secret }).toString(),
    hex: Buffer.from(secret).toString('hex'),
    HEX: Buffer.from(secret).toString('hex').toUpperCase(),
  };
  for (const [name, text] of Object.entries(forms)) {
    t.match(redact(text), /\[secret API_KEY\]/, name);
    t.notMatch(redact(text), /s3cr3t/i, name);
  }
  t.equal(redact(`a ${secret} b ${secret}`), 'a [secret API_KEY] b [secret API_KEY]');
  t.end();
});

void t.test('redact: base64 is found at every offset, in both alphabets', (t) => {
  for (const before of ['', 'u', 'us', 'user:', 'Basic user']) {
    for (const after of ['', '1', '12', '123']) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const text = Buffer.from(before + secret + after).toString(encoding);
        t.match(redact(text), /\[secret API_KEY\]/, `${encoding} of "${before}…${after}"`);
      }
    }
  }
  t.end();
});

void t.test(
  'redact: keys of many lines are found line by line, and a trailing line feed does not hide one',
  (t) => {
    t.equal(redact('> second line of a key'), '> [secret PEM]');
    t.match(redact(inspect('first line\nsecond line of a key\nx')), /\[secret PEM\]/);
    t.equal(createRedact({ FILE: 'from-a-file\n' })('"from-a-file"'), '"[secret FILE]"');
    t.end();
  },
);

void t.test('redact: what is no secret stays as it is', (t) => {
  for (const text of ['', 'abcde', 'first line', 'a $& $1 b', '[secret NAME]']) t.equal(redact(text), text);
  t.equal(createRedact({}, undefined)(secret), secret);
  t.equal(createRedact({ A: '......' })('abcdef'), 'abcdef', 'signs of patterns are only signs');
  t.end();
});

void t.test('redact: a secret may be as long as secrets may be', (t) => {
  const long = 'a/ü+'.repeat(16_000);
  const redactLong = createRedact(
    Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`S${n}`, `${long}${n}`])),
  );
  t.equal(redactLong(`x ${long}7 ${btoa('plain')}`), `x [secret S7] ${btoa('plain')}`);
  t.end();
});

void t.test('redact: of two that overlap the longer one leaves nothing behind', (t) => {
  const both = createRedact({ PART: 'abcdef' }, { WHOLE: 'abcdefghij' });
  t.equal(both('abcdefghij abcdef'), '[secret WHOLE] [secret PART]');
  t.end();
});
