import { createOTP } from '@better-auth/utils/otp';
import t from 'tap';
import type { Test } from 'tap';
import { ada, authCase, signUp, visitor, type Visitor } from './case.ts';

interface Enabled {
  readonly secret: string;
  readonly backupCodes: readonly string[];
  /** As far as the second factor. */
  readonly signIn: () => Promise<Visitor>;
}

/** A user with a second factor. */
async function enabled(t: Test): Promise<Enabled> {
  const made = await authCase(t);
  const who = visitor(made, { perMinute: 1000 });
  await signUp(made, who);
  const answer = await who.post('/two-factor/enable', { password: ada.password });
  const { totpURI, backupCodes } = (await answer.json()) as {
    readonly totpURI: string;
    readonly backupCodes: readonly string[];
  };
  const secret = base32(new URL(totpURI).searchParams.get('secret') ?? '');
  const now = Date.now();
  const original = Date.now;
  // A code of the step before, so that the present one is still to be used.
  Date.now = () => now - 30_000;
  const first = await createOTP(secret).totp();
  Date.now = original;
  t.equal((await who.post('/two-factor/verify-totp', { code: first })).status, 200);
  const signIn = async (): Promise<Visitor> => {
    const browser = visitor(made, { perMinute: 1000 });
    const answer = await browser.post('/sign-in/email', { email: ada.email, password: ada.password });
    t.match(await answer.json(), { twoFactorRedirect: true });
    t.same(await browser.identity(), { kind: 'anonymous' });
    return browser;
  };
  return { secret, backupCodes, signIn };
}

/** Codes that are wrong, six digits each. */
async function guess(who: Visitor, right: string, times: number): Promise<void> {
  for (let i = 1; i <= times; i++) {
    const code = String((Number(right) + i) % 1_000_000).padStart(6, '0');
    await who.post('/two-factor/verify-totp', { code });
  }
}

void t.test('auth: RFC 6238, appendix B: codes are those of the standard', async (t) => {
  const original = Date.now;
  t.teardown(() => {
    Date.now = original;
  });
  for (const [seconds, code] of [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ] as const) {
    Date.now = () => seconds * 1000;
    t.equal(await createOTP('12345678901234567890', { digits: 8 }).totp(), code);
  }
});

void t.test('auth: a one-time code lets in once', async (t) => {
  const { secret, signIn } = await enabled(t);
  const code = await createOTP(secret).totp();
  const browser = await signIn();
  t.equal((await browser.post('/two-factor/verify-totp', { code })).status, 200);
  t.match(await browser.identity(), { kind: 'caller' });
  const thief = await signIn();
  t.equal((await thief.post('/two-factor/verify-totp', { code })).status, 401);
  t.same(await thief.identity(), { kind: 'anonymous' });
});

void t.test('auth: four wrong codes leave a fifth try, five leave none', async (t) => {
  const { secret, signIn } = await enabled(t);
  const late = await signIn();
  await guess(late, await createOTP(secret).totp(), 5);
  const refused = await late.post('/two-factor/verify-totp', { code: await createOTP(secret).totp() });
  t.not(refused.status, 200, 'though it is right');
  t.same(await late.identity(), { kind: 'anonymous' });
  const early = await signIn();
  await guess(early, await createOTP(secret).totp(), 4);
  await early.post('/two-factor/verify-totp', { code: await createOTP(secret).totp() });
  t.match(await early.identity(), { kind: 'caller' });
});

void t.test('auth: ten wrong codes lock the second factor, however often somebody signs in', async (t) => {
  const { secret, backupCodes, signIn } = await enabled(t);
  for (let i = 0; i < 2; i++) await guess(await signIn(), await createOTP(secret).totp(), 5);
  const next = await signIn();
  const answer = await next.post('/two-factor/verify-totp', { code: await createOTP(secret).totp() });
  t.equal(answer.status, 429);
  const code = backupCodes[0] ?? '';
  t.not(
    (await next.post('/two-factor/verify-backup-code', { code })).status,
    200,
    'nor is there a way around',
  );
  t.same(await next.identity(), { kind: 'anonymous' });
});

void t.test('auth: a recovery code lets in once, and no other does', async (t) => {
  const { backupCodes, signIn } = await enabled(t);
  t.equal(new Set(backupCodes).size, 10);
  const [code = '', other = ''] = backupCodes;
  const owner = await signIn();
  t.equal((await owner.post('/two-factor/verify-backup-code', { code })).status, 200);
  t.match(await owner.identity(), { kind: 'caller' });
  const thief = await signIn();
  for (const wrong of [
    code,
    `${other}x`,
    other.toLowerCase() === other ? other.toUpperCase() : other.toLowerCase(),
    '',
  ])
    t.not((await thief.post('/two-factor/verify-backup-code', { code: wrong })).status, 200, wrong);
  t.same(await thief.identity(), { kind: 'anonymous' });
  const again = await signIn();
  t.equal((await again.post('/two-factor/verify-backup-code', { code: other })).status, 200);
});

function base32(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = text
    .replaceAll('=', '')
    .split('')
    .map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))).toString();
}
