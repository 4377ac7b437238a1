import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { simpleParser } from 'mailparser';

/** What a host without a mail server wrote, one file a message. */
export class Mails {
  readonly #folder: string;
  readonly #read = new Set<string>();

  constructor(dir: string) {
    this.#folder = join(dir, 'mail');
  }

  /** The link in the next message to this address that was not read before. Throws when none comes. */
  async linkTo(address: string): Promise<URL> {
    for (let i = 0; i < 200; i++) {
      const names = await readdir(this.#folder).catch(() => []);
      for (const name of names.filter((each) => each.endsWith('.eml') && !this.#read.has(each)).sort()) {
        const mail = await simpleParser(await readFile(join(this.#folder, name)));
        const to = Array.isArray(mail.to) ? mail.to : [mail.to];
        if (!to.some((each) => each?.value.some((one) => one.address === address))) continue;
        this.#read.add(name);
        const link = /https?:\S+/.exec(mail.text ?? '')?.[0];
        if (link !== undefined) return new URL(link);
      }
      await sleep(50);
    }
    throw new Error(`No message with a link came to ${address}`);
  }
}
