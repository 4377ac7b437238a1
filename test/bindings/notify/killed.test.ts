import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { DeliveryRecord } from '#bindings/notify/records.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { openEndpoint } from '#test/support/endpoint.ts';
import type { EndpointAnswer } from '#test/support/endpoint.ts';
import { openNotify } from '#test/support/notify.ts';
import { openBrowser } from '#test/support/push-service.ts';
import { openSmtp } from '#test/support/smtp.ts';
import type { SmtpFailure } from '#test/support/smtp.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const service = fileURLToPath(new URL('../../support/notify-service.ts', import.meta.url));
const rounds = 4;

/** Runs the service until it has acknowledged `many` and `afterMs` more, then kills it; or until nothing is left. */
async function run(
  args: readonly string[],
  kill?: { readonly many: number; readonly afterMs: number },
): Promise<readonly string[]> {
  const child = spawn(process.execPath, [service, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (output.includes('settled')) child.kill('SIGKILL');
    if (kill !== undefined && output.split('\n').length > kill.many)
      setTimeout(() => child.kill('SIGKILL'), kill.afterMs);
  });
  await once(child, 'close');
  const whole = output.slice(0, output.lastIndexOf('\n') + 1).split('\n');
  return whole.filter((line) => line.startsWith('msg_'));
}

void t.test(
  'notify: kill -9 at any moment loses no accepted message and repeats none confirmed',
  async (t) => {
    const dir = temporaryDir(t);
    const smtp = await openSmtp(t);
    const browser = await openBrowser(t);
    const webhook = await openEndpoint(t);
    const setUp = await openNotify({ dir, smtpUrl: smtp.url });
    const subscriptions = await Promise.all([
      setUp.subscribe({ email: 'ada@example.com', confirmed: true }),
      setUp.subscribe({ push: browser.subscription }),
      setUp.subscribe({ webhook: webhook.url, confirmed: true }),
    ]);
    await setUp.close();
    const [email, push, hook] = subscriptions.map(({ id }) => id);

    /** How often each delivery reached its receiver. */
    const receipts = (): Map<string, number> => {
      const counted = new Map<string, number>();
      const count = (message: string, subscription = ''): void => {
        const key = `${message}.${subscription}`;
        counted.set(key, (counted.get(key) ?? 0) + 1);
      };
      for (const { mail } of smtp.mails) count(/<(msg_\w+)\./.exec(mail.messageId ?? '')?.[1] ?? '', email);
      for (const [index, request] of browser.endpoint.requests.entries()) {
        if (answeredWell(browserAnswers[index])) count(String(browser.open(request)['id']), push);
      }
      for (const [index, request] of webhook.requests.entries()) {
        if (answeredWell(webhookAnswers[index])) count(String(request.headers['webhook-id']), hook);
      }
      return counted;
    };

    // Every third message meets trouble.
    const trouble = (index: number): EndpointAnswer =>
      index % 3 === 0 ? (index % 2 === 0 ? 500 : 'reset') : 201;
    const browserAnswers = Array.from({ length: 4000 }, (_, index) => trouble(index));
    const webhookAnswers = Array.from({ length: 4000 }, (_, index) => trouble(index + 1));
    browser.endpoint.answers.push(...browserAnswers);
    webhook.answers.push(...webhookAnswers);
    const smtpTrouble = (index: number): SmtpFailure | undefined =>
      index % 4 === 0 ? (index % 8 === 0 ? 'reset' : { code: 451 }) : undefined;
    smtp.failures.push(...Array.from({ length: 4000 }, (_, index) => smtpTrouble(index)));

    const accepted: string[] = [];
    const confirmed = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      accepted.push(...(await run([dir, smtp.url, '1000'], { many: 4 + round * 3, afterMs: round * 60 })));
      const store = openSqliteStore(join(dir, 'store.db'));
      const entries = await store.list({ prefix: 'notify/default/shop%2FNOTIFY/dlv/' });
      await store.close();
      const before = receipts();
      for (const { value } of entries) {
        const { message, key, state } = JSON.parse(Buffer.from(value).toString()) as DeliveryRecord;
        const name = `${message}.${key}`;
        if (state === 'delivered' && !confirmed.has(name)) confirmed.set(name, before.get(name) ?? 0);
      }
    }
    await run([dir, smtp.url, '0']);

    const found = receipts();
    const missing = accepted.filter((id) =>
      [email, push, hook].some((subscription) => !found.has(`${id}.${subscription}`)),
    );
    t.ok(accepted.length > 30, `${accepted.length} were accepted`);
    t.same(missing, [], 'each reached every receiver');
    const repeated = [...confirmed].filter(([name, times]) => (found.get(name) ?? 0) !== times);
    t.same(repeated, [], `none of ${confirmed.size} confirmed ones came again`);
    t.ok(
      [...confirmed.values()].every((times) => times > 0),
      'what is confirmed was received',
    );
    const copies = [...found.values()].filter((times) => times > 1).length;
    t.ok(copies <= rounds * 64, `${copies} came twice: those under way at a kill`);
  },
);

function answeredWell(answer: EndpointAnswer | undefined): boolean {
  return answer === 201 || answer === undefined;
}
