import type { Invocation } from './invocation.ts';
import { operate } from './operations.ts';
import { quote } from './primordials.ts';
import { encodeBase64 } from './web/index.ts';

interface Metadata {
  readonly algorithm: string;
  readonly digest: string;
}

/** Weakest first (Subresource Integrity, 3.2). */
const algorithms: readonly string[] = ['sha256', 'sha384', 'sha512'];
const expression = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/i;

/** Subresource Integrity, 3.3.2 "parse metadata" and 3.3.3: the hashes of the strongest algorithm that is given. */
function strongest(text: string): readonly Metadata[] {
  const found: Metadata[] = [];
  for (const item of text.split(/[\t\n\f\r ]+/)) {
    const [, name, value] = expression.exec(item) ?? [];
    if (name === undefined || value === undefined) continue;
    found.push({
      algorithm: name.toLowerCase(),
      digest: value.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, ''),
    });
  }
  const best = Math.max(...found.map(({ algorithm }) => algorithms.indexOf(algorithm)));
  return found.filter(({ algorithm }) => algorithms.indexOf(algorithm) === best);
}

/** Subresource Integrity, 3.3.4 "do bytes match metadataList". Metadata that says nothing matches everything. */
export async function matchesIntegrity(
  invocation: Invocation,
  bytes: Uint8Array,
  metadata: string,
): Promise<boolean> {
  const wanted = strongest(metadata);
  const [first] = wanted;
  if (first === undefined) return true;
  const name = `SHA-${first.algorithm.slice(3)}`;
  const args = `[${quote(name)}]`;
  const answer = await operate(invocation, { binding: '', method: 'digest', args, bytes, whole: true });
  const actual = answer.bytes === undefined ? '' : encodeBase64(answer.bytes).replace(/=+$/, '');
  return wanted.some(({ digest }) => digest === actual);
}
