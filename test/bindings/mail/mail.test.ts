import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import t from 'tap';
import { MailError, openMailer } from '#bindings/mail/mail.ts';
import type { Mail, OpenMailer } from '#bindings/mail/mail.ts';
import { deadPort, openSmtp } from '#test/support/smtp.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const mail: Mail = { to: 'ada@example.com', subject: 'Hello', text: 'How are you?' };

function mailerTo(t: Parameters<typeof temporaryDir>[0], smtpUrl?: string): OpenMailer {
  const mailer = openMailer({
    folder: join(temporaryDir(t), 'mail'),
    ...(smtpUrl === undefined ? {} : { smtpUrl }),
  });
  t.teardown(() => mailer.close());
  return mailer;
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

void t.test(
  'mail: a server gets text, HTML, attachments, headers and the Message-ID it was given',
  async (t) => {
    const smtp = await openSmtp(t);
    const mailer = mailerTo(t, smtp.url);
    const { messageId } = await mailer.send({
      ...mail,
      to: 'Ada Lovelace <ada@example.com>',
      from: '"Shop, Inc." <shop@example.com>',
      replyTo: 'help@example.com',
      html: '<p>How are <b>you</b>?</p>',
      attachments: [
        { filename: 'a.bin', content: new Uint8Array([0, 1, 255]) },
        { filename: 'grüße.txt', content: 'Grüße', contentType: 'text/plain' },
      ],
      headers: { 'List-Unsubscribe': '<https://example.com/u?token=abc>' },
      messageId: '<one@example.com>',
    });
    t.equal(messageId, '<one@example.com>');
    const [received] = smtp.mails;
    t.same(received?.to, ['ada@example.com']);
    t.equal(received?.from, 'shop@example.com');
    t.equal(received?.mail.subject, 'Hello');
    t.equal(received?.mail.text?.trim(), 'How are you?');
    t.match(received?.mail.html, '<b>you</b>');
    t.equal(received?.mail.messageId, '<one@example.com>');
    t.equal(received?.mail.from?.value[0]?.name, 'Shop, Inc.');
    t.same(
      received?.mail.attachments.map((each) => each.filename),
      ['a.bin', 'grüße.txt'],
    );
    t.same([...(received?.mail.attachments[0]?.content ?? [])], [0, 1, 255]);
    t.match(received?.raw, 'List-Unsubscribe: <https://example.com/u?token=abc>');
  },
);

void t.test('mail: nothing in a message becomes a header of its own', async (t) => {
  const smtp = await openSmtp(t);
  const mailer = mailerTo(t, smtp.url);
  const injected = 'x\r\nBcc: everybody@example.com';
  const hostile: readonly Partial<Mail>[] = [
    ...['\r\n', '\n', '\r', '\0', '\u2028', '\u0085', '\v'].map((end) => ({
      subject: `x${end}Bcc: y@example.com`,
    })),
    { to: 'ada@example.com\r\nBcc: y@example.com' },
    { to: 'ada@example.com, y@example.com' },
    { to: 'ada@example.com>\r\nRCPT TO:<y@example.com' },
    { to: '"x\r\n" <ada@example.com>' },
    { from: 'Shop\nBcc: y@example.com <shop@example.com>' },
    { replyTo: 'a@example.com;b@example.com' },
    { headers: { 'X-Note': injected } },
    { headers: { [`X-Note: 1\r\nBcc`]: 'y@example.com' } },
    { headers: { Bcc: 'y@example.com' } },
    { headers: { 'content-type': 'text/html' } },
    { messageId: '<a@b>\r\nBcc: y@example.com' },
    { attachments: [{ filename: 'a\r\nBcc: y', content: '' }] },
    { attachments: [{ filename: 'a', content: '', contentType: 'text/plain\r\nX: y' }] },
    { to: 'nobody' },
    { to: '' },
    { to: `${'a'.repeat(65)}@example.com` },
    { subject: 7 as never },
  ];
  for (const [index, part] of hostile.entries()) {
    t.type(await failureOf(mailer.send({ ...mail, ...part })), TypeError, `message ${index}`);
  }
  t.same(smtp.mails, []);
});

void t.test('mail: a file path or an address in a message is never read', async (t) => {
  const smtp = await openSmtp(t);
  const content = { path: '/etc/passwd' } as never;
  await failureOf(mailerTo(t, smtp.url).send({ ...mail, attachments: [{ filename: 'a', content }] }));
  t.notMatch(smtp.mails[0]?.raw ?? '', 'root:');
});

void t.test('mail: refusals say whether another attempt can help', async (t) => {
  const smtp = await openSmtp(t);
  const mailer = mailerTo(t, smtp.url);
  smtp.failures.push({ code: 451 }, { code: 550 }, 'reset', undefined);
  for (const permanent of [false, true, false]) {
    const error = await failureOf(mailer.send(mail));
    t.type(error, MailError);
    t.match(error, { code: 'ERR_MAIL', permanent });
  }
  t.equal(smtp.mails.length, 0, 'nothing was sent twice behind the sender');
  await mailer.send(mail);
  t.equal(smtp.mails.length, 1);
});

void t.test('mail: a server that is not there, and one that refuses the password', async (t) => {
  const gone = await failureOf(mailerTo(t, `smtp://127.0.0.1:${await deadPort()}`).send(mail));
  t.match(gone, { code: 'ERR_MAIL', permanent: false });
  const smtp = await openSmtp(t, { user: 'shop', pass: 'right' });
  const wrong = await failureOf(mailerTo(t, smtp.url.replace('right', 'wrong-password')).send(mail));
  t.match(wrong, { code: 'ERR_MAIL', permanent: false });
  t.notMatch((wrong as Error).message, 'wrong-password');
  await mailerTo(t, smtp.url).send(mail);
  t.equal(smtp.mails.length, 1);
});

void t.test('mail: a signal gives an attempt up', async (t) => {
  const smtp = await openSmtp(t);
  const error = await failureOf(mailerTo(t, smtp.url).send({ ...mail, signal: AbortSignal.abort() }));
  t.match(error, { code: 'ERR_MAIL' });
  t.same(smtp.mails, []);
});

void t.test('mail: without a server each message is a file of its own, for its owner only', async (t) => {
  const folder = join(temporaryDir(t), 'mail');
  const lines: string[] = [];
  const mailer = openMailer({ folder, from: 'Shop <shop@example.com>', log: (line) => lines.push(line) });
  const sent = await Promise.all([mailer.send(mail), mailer.send({ ...mail, html: '<p>Hi</p>' })]);
  t.equal(readdirSync(folder).length, 2);
  t.equal(lines.length, 2);
  for (const { file = '' } of sent) {
    t.equal(statSync(file).mode & 0o777, 0o600);
    t.match(file, /\.eml$/);
  }
  const parsed = await simpleParser(readFileSync(sent[1]?.file ?? ''));
  t.equal(parsed.html, '<p>Hi</p>');
  t.equal(parsed.from?.value[0]?.address, 'shop@example.com');
});

void t.test('mail: what is no server and no sender is refused at once', async (t) => {
  for (const smtpUrl of ['', 'mail.example.com', 'http://mail.example.com', 'smtp://']) {
    t.throws(() => openMailer({ folder: '/nowhere', smtpUrl }), TypeError);
  }
  t.throws(() => openMailer({ folder: '/nowhere', from: 'x\r\ny@example.com' }), TypeError);
});
