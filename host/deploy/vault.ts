import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { link, open, readFile, stat, unlink } from 'node:fs/promises';
import { HostError } from '#runtime/errors.ts';

/** Seals secrets under the data directory's key: AES-256-GCM (NIST SP 800-38D), the secret's name authenticated. */
export interface Vault {
  /** Bytes to store: format 1, 96-bit nonce, 128-bit tag, ciphertext. */
  seal(name: string, value: string): Uint8Array;
  /** Throws HostError ERR_DATA_DIR when the bytes were not sealed by this key under this name. */
  open(name: string, sealed: Uint8Array): string;
}

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const format = 1;

/**
 * Reads the key file, or makes it (mode 0600) when nothing has been sealed yet. Throws HostError ERR_DATA_DIR when it
 * is missing although secrets exist, is open to others, or is not a key.
 */
export async function openVault(keyFile: string, options: { readonly inUse: boolean }): Promise<Vault> {
  const key = (await readKey(keyFile)) ?? (await makeKey(keyFile, options.inUse));
  return {
    seal(name, value) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(name));
      const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.from([format]), nonce, cipher.getAuthTag(), sealed]);
    },
    open(name, sealed) {
      try {
        if (sealed[0] !== format) throw new Error(`format ${sealed[0]}`);
        const nonce = sealed.subarray(1, 1 + nonceBytes);
        const tag = sealed.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
        const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
        cipher.setAAD(Buffer.from(name));
        cipher.setAuthTag(tag);
        const bytes = sealed.subarray(1 + nonceBytes + tagBytes);
        return Buffer.concat([cipher.update(bytes), cipher.final()]).toString();
      } catch (cause) {
        throw new HostError(
          'ERR_DATA_DIR',
          `Cannot read ${name}: it was not sealed with ${keyFile}; restore the key file that belongs to this store`,
          { cause },
        );
      }
    },
  };
}

async function readKey(keyFile: string): Promise<Buffer | undefined> {
  try {
    const { mode } = await stat(keyFile);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new HostError(
        'ERR_DATA_DIR',
        `Cannot use ${keyFile}: others may read it (mode ${(mode & 0o777).toString(8)}); run chmod 600 on it`,
      );
    }
    const key = await readFile(keyFile);
    if (key.length === keyBytes) return key;
    throw new HostError(
      'ERR_DATA_DIR',
      `Cannot use ${keyFile}: it has ${key.length} bytes, a key has ${keyBytes}; restore it from a copy`,
    );
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(keyFile, cause);
  }
}

/** Written whole under another name and then linked, so that no crash leaves half a key. */
async function makeKey(keyFile: string, inUse: boolean): Promise<Buffer> {
  if (inUse) {
    throw new HostError(
      'ERR_DATA_DIR',
      `Cannot open secrets: ${keyFile} is missing and the store holds secrets sealed with it; restore it from a copy`,
    );
  }
  const key = randomBytes(keyBytes);
  const draft = `${keyFile}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(key);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await link(draft, keyFile);
      return key;
    } catch (cause) {
      const others = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? await readKey(keyFile) : undefined;
      if (others === undefined) throw cause;
      return others;
    } finally {
      await unlink(draft);
    }
  } catch (cause) {
    if (cause instanceof HostError) throw cause;
    throw unusable(keyFile, cause);
  }
}

function unusable(keyFile: string, cause: unknown): HostError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new HostError(
    'ERR_DATA_DIR',
    `Cannot use ${keyFile}: ${code}; give a directory this user may write`,
    {
      cause,
    },
  );
}
