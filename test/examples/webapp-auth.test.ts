import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import t from 'tap';
import { openTestHost } from '#test/support/host.ts';
import { Mails } from '#test/support/mails.ts';

const example = join(import.meta.dirname, '../../examples/webapp-auth');
const browserFile = findChromium();
const noBrowser =
  browserFile === undefined && 'no chromium in PATH: install the chromium package to run this';

await t.test('webapp-auth: the API is for those who are signed in', async (t) => {
  const { host, url } = await openTestHost(t);
  await host.deploy(example);
  t.equal((await fetch(`${url}/webapp-auth/`)).status, 200);
  for (const method of ['GET', 'POST', 'DELETE']) {
    t.equal((await fetch(`${url}/webapp-auth/api/notes`, { method })).status, 401);
  }
});

await t.test(
  'webapp-auth: a person signs up, keeps notes, and nobody else sees them, in Chromium',
  { skip: noBrowser },
  async (t) => {
    const test = await openTestHost(t);
    await test.host.deploy(example);
    const site = `http://webapp-auth.localhost:${test.port}/`;
    const mails = new Mails(test.dir);
    const browser = await chromium.launch({ executablePath: browserFile ?? '', args: ['--no-sandbox'] });
    t.teardown(() => browser.close());
    const complaints: string[] = [];
    const open = async (email: string): Promise<Awaited<ReturnType<typeof browser.newPage>>> => {
      const page = await (await browser.newContext()).newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
      await page.goto(site);
      await page.getByRole('link', { name: 'Sign in or create an account' }).click();
      await page.getByRole('button', { name: 'Create an account' }).click();
      await page.getByLabel('Name').fill('Somebody');
      await page.getByLabel('E-mail').fill(email);
      await page.getByLabel('Password').fill('correct horse battery');
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByText('We sent you a message').waitFor();
      await page.goto((await mails.linkTo(email)).href);
      await page.getByText(email).waitFor();
      t.equal(page.url(), site);
      return page;
    };
    const ada = await open('ada@example.com');
    await ada.getByLabel('New note').fill('Buy <b>milk</b>');
    await ada.getByRole('button', { name: 'Keep' }).click();
    await ada.getByText('Buy <b>milk</b>').waitFor();
    await ada.reload();
    await ada.getByText('Buy <b>milk</b>').waitFor();
    const bob = await open('bob@example.com');
    t.equal(await bob.getByRole('listitem').count(), 0);
    await ada.getByRole('button', { name: 'Delete' }).click();
    await ada.getByRole('listitem').waitFor({ state: 'detached' });
    await ada.getByRole('button', { name: 'Sign out' }).click();
    await ada.getByRole('link', { name: 'Sign in or create an account' }).waitFor();
    t.same(complaints, []);
  },
);

function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
}
