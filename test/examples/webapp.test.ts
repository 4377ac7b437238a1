import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import t from 'tap';
import { openTestHost, temporaryDir } from '#test/support/host.ts';

const example = join(import.meta.dirname, '../../examples/webapp');

await t.test('webapp: the API refuses what is not an entry, and keeps what is', async (t) => {
  const { host, url } = await openTestHost(t);
  await host.deploy(example);
  const api = `${url}/webapp/api/entries`;
  const post = (body: string): Promise<Response> => fetch(api, { method: 'POST', body });
  for (const wrong of [
    '',
    '{',
    'null',
    '[]',
    '{"name":"a"}',
    '{"name":1,"message":2}',
    '{"name":" ","message":"b"}',
  ])
    t.equal((await post(wrong)).status, 400, wrong);
  t.equal((await post(JSON.stringify({ name: 'a'.repeat(41), message: 'b' }))).status, 400);
  const longest = { name: '"'.repeat(40), message: '€'.repeat(200) };
  t.equal((await post(JSON.stringify(longest))).status, 201, 'the longest entry fits its metadata');
  t.match(await (await fetch(api)).json(), [longest]);
  t.equal((await fetch(api, { method: 'PUT' })).status, 405);
  t.equal((await fetch(`${url}/webapp/nothing`)).status, 404);
  const page = await fetch(`${url}/webapp/`);
  t.match(page.headers.get('content-security-policy'), /default-src 'none'/);
  t.match(await page.text(), '<base href="/webapp/" />');
});

const browserFile = findChromium();
const noBrowser =
  browserFile === undefined && 'no chromium in PATH: install the chromium package to run this';

await t.test('webapp: a visitor signs, reloads, and deletes, in Chromium', { skip: noBrowser }, async (t) => {
  const dir = await temporaryDir(t);
  const first = await openTestHost(t, { dir });
  await first.host.deploy(example);
  const browser = await chromium.launch({ executablePath: browserFile ?? '', args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));

  await page.goto(`http://webapp.localhost:${first.port}/`);
  await page.getByText('Nobody has signed yet').waitFor();
  t.equal(await page.title(), 'Guestbook');

  await page.getByRole('button', { name: 'Sign the guestbook' }).click();
  await page.getByText('Please fill in your name').waitFor();
  t.equal(await page.evaluate('document.activeElement.id'), 'name', 'the first wrong field has the focus');

  await sign(page, 'Ada', 'First! <b>& not bold</b>');
  await sign(page, 'Grace', 'Second.');
  t.same(await messages(page), ['Second.', 'First! <b>& not bold</b>'], 'the newest is on top, as text');

  await page.reload();
  await page.getByRole('article').nth(1).waitFor();
  t.same(await messages(page), ['Second.', 'First! <b>& not bold</b>'], 'a reload shows the stored entries');

  const second = await first.restart();
  await page.goto(`${second.url}/webapp`);
  await page.getByRole('article').nth(1).waitFor();
  t.equal((await messages(page)).length, 2, 'and so does another host on the data, under its path');

  await page.getByRole('button', { name: 'Delete the entry of Ada' }).click();
  await page.getByText('The entry is gone.').waitFor();
  await page.reload();
  await page.getByRole('article').waitFor();
  t.same(await messages(page), ['Second.']);

  await page.setViewportSize({ width: 320, height: 640 });
  t.equal(
    await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
    true,
    'it fits a narrow screen',
  );
  t.same(complaints, [], 'the browser has nothing to complain about');
});

async function sign(page: Page, name: string, message: string): Promise<void> {
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Message').fill(message);
  await page.getByRole('button', { name: 'Sign the guestbook' }).click();
  await page.getByRole('article').filter({ hasText: message }).waitFor();
}

async function messages(page: Page): Promise<string[]> {
  return page.locator('.message').allTextContents();
}

function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
}
