import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { HostError } from '#runtime/errors.ts';

/** Argon2id (RFC 9106) with OWASP's parameters: 19 MiB, two passes, one lane. */
const memoryKiB = 19_456;
const passes = 2;
const tagBytes = 32;
const nonceBytes = 16;
/** Hashes at once, and how many may wait: 19 MiB and a thread of the pool each. */
const mostAtOnce = 2;
const mostWaiting = 256;
const pattern = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([\w+/-]{11,88})\$([\w+/-]{22,88})$/;

const hashAsync = typeof argon2 === 'function' ? promisify(argon2) : undefined;

interface Parameters {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly nonce: Buffer;
  readonly tagLength: number;
}

/** Hashes passwords, a few at a time. One for all pools of a host. */
export class Passwords {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #done = 0;

  /** Hashes made since the start, those for users that do not exist included. */
  get hashed(): number {
    return this.#done;
  }

  /** PHC text. Rejects with HostError ERR_AUTH when too many wait, or on a Node without argon2 (before 24.7). */
  async hash(password: string): Promise<string> {
    const nonce = randomBytes(nonceBytes);
    const tag = await this.#run(password, {
      memory: memoryKiB,
      passes,
      parallelism: 1,
      nonce,
      tagLength: tagBytes,
    });
    return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=1$${unpadded(nonce)}$${unpadded(tag)}`;
  }

  /** False for text that is no hash, too; with parameters other than today's as well. */
  async verify(hash: string, password: string): Promise<boolean> {
    const [, memory, times, lanes, nonce, tag] = pattern.exec(hash) ?? [];
    if (nonce === undefined || tag === undefined) return false;
    const expected = Buffer.from(tag, 'base64');
    const made = await this.#run(password, {
      memory: Number(memory),
      passes: Number(times),
      parallelism: Number(lanes),
      nonce: Buffer.from(nonce, 'base64'),
      tagLength: expected.length,
    });
    return made.length === expected.length && timingSafeEqual(made, expected);
  }

  async #run(password: string, parameters: Parameters): Promise<Buffer> {
    if (hashAsync === undefined) {
      throw new HostError(
        'ERR_AUTH',
        'Cannot hash a password: this Node has no argon2; run islet on Node 24.7 or later',
      );
    }
    await this.#turn();
    try {
      this.#done++;
      // Passwords that look the same are the same, however they were typed (RFC 8265).
      return await hashAsync('argon2id', { message: password.normalize('NFKC'), ...parameters });
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#waiting.length >= mostWaiting) {
      throw new HostError('ERR_AUTH', `Cannot hash a password: ${mostWaiting} others wait; try again later`);
    }
    while (this.#running >= mostAtOnce) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#running++;
  }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
