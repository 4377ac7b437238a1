import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import { Mails } from '#test/support/mails.ts';
import { openTestHost } from '#test/support/host.ts';

const guest = `export default { fetch: (request, env, ctx) =>
  new Response('<!doctype html><title>Shop</title><p id="user">' + (ctx.user?.email ?? 'nobody'), { headers: { 'content-type': 'text/html' } }) };`;
const browserFile = findChromium();
const noBrowser =
  browserFile === undefined && 'no chromium in PATH: install the chromium package to run this';
const ada = { name: 'Ada', email: 'ada@example.com', password: 'correct horse battery' };

void t.test(
  'auth page: sign-up, e-mail link, sign-in, TOTP and passkey, in Chromium',
  { skip: noBrowser },
  async (t) => {
    const host = await openTestHost(t);
    const site = `http://shop.localhost:${host.port}`;
    const mails = new Mails(host.dir);
    const AUTH = { kind: 'auth', title: 'Ada’s shop', theme: { accent: '#a13' } };
    await host.deploy('shop', guest, { bindings: { AUTH }, routes: [{ pattern: '/me', auth: 'required' }] });
    const browser = await chromium.launch({ executablePath: browserFile ?? '', args: ['--no-sandbox'] });
    t.teardown(() => browser.close());
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (line) => {
      if (line.type() === 'error' && !line.text().includes('status of 4')) complaints.push(line.text());
    });
    const elsewhere: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(site) && !request.url().startsWith('data:'))
        elsewhere.push(request.url());
    });

    await page.goto(`${site}/me?a=b`);
    t.match(page.url(), '/auth/sign-in?to=', 'who is nobody is sent to the page');
    t.equal(await page.title(), 'Ada’s shop');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByLabel('Name').fill(ada.name);
    await fill(page, ada.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('We sent you a message').waitFor();
    await fill(page, ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('not confirmed yet').waitFor();

    const first = await mails.linkTo(ada.email);

    t.match(first.pathname, '/verify-email', 'one link was sent at sign-up, another at sign-in');

    await page.goto((await mails.linkTo(ada.email)).href);
    await page.locator('#user').waitFor();
    t.equal(page.url(), `${site}/me?a=b`, 'the link leads to what was asked for');
    t.equal(await page.textContent('#user'), ada.email);

    await page.goto(`${site}/auth/account`);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.waitForURL('**/auth/sign-in');
    await fill(page, 'wrong password');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('The address or the password is wrong.').waitFor();
    await fill(page, ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(`${site}/`);

    await page.goto(`${site}/auth/account`);
    await page.locator('#enable-totp').getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Set a second factor up' }).click();
    const secret = (await page.textContent('#totp-secret')) ?? '';
    const recovery = (await page.locator('#backup-codes code').first().textContent()) ?? '';
    await page.getByLabel('Code from your app').fill(totp(secret, -1));
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('The second factor is on.').waitFor();

    await signOutAndIn(page, site);
    await page.getByLabel('Code from your app').fill('000000');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('The code is wrong.').waitFor();
    await page.goto(`${site}/me`);
    t.match(page.url(), '/auth/sign-in', 'a password alone is not enough now');
    await fill(page, ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByLabel('Code from your app').fill(totp(secret));
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForURL(`${site}/me`);

    await signOutAndIn(page, site);
    await page.getByRole('button', { name: 'Use a recovery code' }).click();
    await page.getByLabel('Recovery code').fill(recovery);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForURL(`${site}/`);

    const cdp = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await page.goto(`${site}/auth/account`);
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText('The passkey is added.').waitFor();
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.waitForURL('**/auth/sign-in');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.waitForURL(`${site}/`);
    await page.goto(`${site}/me`);
    t.equal(await page.textContent('#user'), ada.email, 'a passkey is enough by itself');

    await page.goto(`${site}/auth/account`);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.waitForURL('**/auth/sign-in');
    await page.getByRole('button', { name: 'Forgot the password?' }).click();
    await page.getByLabel('E-mail').fill(ada.email);
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByText('a message is on its way').waitFor();
    await page.goto((await mails.linkTo(ada.email)).href);
    await page.getByLabel('New password').fill('another good password');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your password is changed').waitFor();

    await page.setViewportSize({ width: 320, height: 640 });
    const fits = await page.evaluate(
      'document.documentElement.scrollWidth <= document.documentElement.clientWidth',
    );
    t.equal(fits, true, 'it fits a narrow screen');
    t.equal(
      await page.evaluate("getComputedStyle(document.querySelector('button.main')).backgroundColor"),
      'rgb(170, 17, 51)',
      'the theme applies',
    );
    t.same(complaints, [], 'the browser has nothing to complain about');
    t.same(elsewhere, [], 'nothing is asked of anybody else');
  },
);

async function fill(page: Page, password: string): Promise<void> {
  await page.getByLabel('E-mail').fill(ada.email);
  await page.getByLabel('Password').fill(password);
}

async function signOutAndIn(page: Page, site: string): Promise<void> {
  await page.goto(`${site}/auth/account`);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.waitForURL('**/auth/sign-in');
  await fill(page, ada.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** RFC 6238 with SHA-1, 30 s and six digits, as authenticator apps do it; `steps` before or after now. */
function totp(secret: string, steps = 0): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = secret
    .split('')
    .map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const sum = createHmac('sha1', key).update(counter).digest();
  const offset = (sum.at(-1) ?? 0) & 15;
  return String((sum.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
}
