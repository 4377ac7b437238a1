import t from 'tap';
import { parseHostOptions } from '#host/config.ts';
import type { HostOptions } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';

function refusalOf(options: HostOptions): string {
  try {
    parseHostOptions(options);
  } catch (error) {
    t.ok(error instanceof HostError && error.code === 'ERR_BAD_INPUT', String(error));
    return (error as Error).message;
  }
  return '';
}

void t.test('config: what bindings are told of the host', async (t) => {
  t.match(parseHostOptions(), { mail: {}, publicUrl: undefined, privateEgress: true });
  const { mail, publicUrl, privateEgress } = parseHostOptions({
    smtpUrl: 'smtps://user:pass@mail.example.com',
    mailFrom: 'shop@example.com',
    publicUrl: 'https://example.com:8443/',
    privateEgress: false,
  });
  t.same(mail, { smtpUrl: 'smtps://user:pass@mail.example.com', from: 'shop@example.com' });
  t.equal(publicUrl, 'https://example.com:8443', 'an origin');
  t.equal(privateEgress, false);
});

void t.test('config: what cannot be used is refused, and no password is repeated', async (t) => {
  for (const smtpUrl of ['', 'mail.example.com', 'http://user:s3cret@mail.example.com', 'smtp:'])
    t.notMatch(refusalOf({ smtpUrl }) || 's3cret', 's3cret', smtpUrl);
  const urls = [
    '',
    'example.com',
    'ftp://x',
    'https://x/path',
    'https://x/?q',
    'https://u:p@x',
    'https://x/#h',
  ];
  for (const publicUrl of urls) t.not(refusalOf({ publicUrl }), '', publicUrl);
  t.match(refusalOf({ smtpUr: 'x' } as HostOptions), 'smtpUrl');
  t.not(refusalOf({ mailFrom: 'a\r\nb' }), '');
  t.not(refusalOf({ privateEgress: 'no' } as unknown as HostOptions), '');
});
