import type { GuestError, Outcome } from '#runtime/outcome.ts';
import type { Target } from './registry.ts';

/** A text without the secrets it held. */
export type Redact = (text: string) => string;

type Secretive = Pick<Target, 'secrets' | 'withheld'>;

const made: WeakMap<Secretive, Redact> = new WeakMap();

/** The redaction of a target: all secrets of its function, those its guests never see included. */
export function redactOf(target: Secretive): Redact {
  const known = made.get(target);
  if (known !== undefined) return known;
  const redact = createRedact(target.secrets, target.withheld);
  made.set(target, redact);
  return redact;
}

/** An outcome as callers may see it. */
export function redactOutcome(target: Secretive, outcome: Outcome): Outcome {
  if (outcome.kind !== 'threw') return outcome;
  return { kind: 'threw', error: redactError(target, outcome.error) };
}

export function redactError(target: Secretive, error: GuestError): GuestError {
  const redact = redactOf(target);
  const { name, message, stack, phase } = error;
  const rest = stack === undefined ? {} : { stack: redact(stack) };
  return { name: redact(name), message: redact(message), ...rest, phase };
}

/** Shorter ones are found everywhere, and hide more of a log than they protect. */
const leastLength = 6;
/** Lines of a key or certificate that are long enough to give something away. */
const leastLine = 16;

/**
 * Replaces the secrets in a text, as they are and as they travel: in base64 (RFC 4648, both alphabets, at any offset
 * within what is encoded), percent-encoded, as JSON has them, in hex, and line by line. Each becomes `[secret NAME]`. What
 * a guest makes of a secret on purpose (reversed, cut in two) passes.
 */
export function createRedact(...sets: readonly (Readonly<Record<string, string>> | undefined)[]): Redact {
  const names = new Map<string, string>();
  for (const set of sets) {
    for (const [name, value] of Object.entries(set ?? {})) {
      for (const form of formsOf(value)) if (!names.has(form)) names.set(form, name);
    }
  }
  if (names.size === 0) return (text) => text;
  // The longest first: a secret within another one leaves no rest of it.
  const forms = [...names].sort(([one], [other]) => other.length - one.length);
  return (text) => {
    let redacted = text;
    // Not one pattern: of secrets of 64 KiB it would be one that no engine compiles.
    for (const [form, name] of forms) {
      if (redacted.includes(form)) redacted = redacted.replaceAll(form, () => `[secret ${name}]`);
    }
    return redacted;
  };
}

function formsOf(secret: string): ReadonlySet<string> {
  const value = secret.trim();
  const forms = new Set<string>();
  if (value.length < leastLength) return forms;
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  const whole = [value, ...(lines.length > 1 ? lines.filter((line) => line.length >= leastLine) : [])];
  for (const text of whole) {
    const bytes = Buffer.from(text);
    forms.add(text);
    forms.add(JSON.stringify(text).slice(1, -1));
    forms.add(bytes.toString('hex'));
    forms.add(bytes.toString('hex').toUpperCase());
    for (const encoded of percentEncoded(text)) forms.add(encoded);
    for (const offset of [0, 1, 2]) {
      const base64 = base64At(bytes, offset);
      forms.add(base64);
      forms.add(base64.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  return forms;
}

/** As encodeURIComponent, encodeURI and forms have it; in either case of their digits. */
function percentEncoded(text: string): readonly string[] {
  const wellFormed = text.toWellFormed();
  const component = encodeURIComponent(wellFormed);
  const strict = component.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', wellFormed]]).toString().slice(1);
  const upper = [component, strict, form, encodeURI(wellFormed)];
  return [...upper, ...upper.map((each) => each.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

/** The digits that these bytes alone decide when so many bytes (modulo 3) come before them. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const first = Math.ceil((offset * 8) / 6);
  return text.slice(first, Math.floor(((offset + bytes.length) * 8) / 6));
}
