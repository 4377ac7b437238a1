/** For paths nobody can read in two ways: no encoding, no empty or dot segment, no parameter, no backslash. */
const plainPattern = /^(?:\/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*\/?$/;

/** True for a path nobody can read in two ways. */
export function isPlain(path: string): boolean {
  return plainPattern.test(path);
}

/** Rounds of decoding that some program behind may do. */
const mostRounds = 4;

/**
 * The other readings of a path that a function may have of it: percent-decoded, again and again; empty segments and dot
 * segments removed; backslashes as slashes; parameters (RFC 3986, 3.3) left out; white space at the ends of segments
 * trimmed; letters and signs in their plain form (NFKC). Empty for a path that is plain.
 */
export function otherForms(path: string): readonly string[] {
  if (isPlain(path)) return [];
  const forms = new Set<string>();
  let decoded = path;
  for (let round = 0; round <= mostRounds; round++) {
    addForms(forms, decoded);
    const next = decodePath(decoded);
    if (next === decoded) break;
    decoded = next;
  }
  forms.delete(path);
  return [...forms];
}

function addForms(forms: Set<string>, path: string): void {
  const slashed = path.replaceAll('\\', '/');
  const bare = slashed.replace(/;[^/]*/g, '');
  const trimmed = slashed.replace(/(?<=\/)\s+|\s+(?=\/|$)/gu, '');
  for (const form of [path, slashed, bare, trimmed, slashed.normalize('NFKC')]) {
    forms.add(form);
    forms.add(withoutDots(form));
    forms.add(withoutDots(form.replace(/\/{2,}/g, '/')));
  }
  // A program that reads C strings sees what is before a NUL.
  const end = path.indexOf('\0');
  if (end >= 0) addForms(forms, path.slice(0, end) || '/');
}

/** Decodes what is an encoding and leaves the rest; bytes that are no UTF-8 are read as Latin-1. */
export function decodePath(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
    const text = bytes.toString('utf8');
    return text.includes('\ufffd') ? bytes.toString('latin1') : text;
  });
}

/** RFC 3986, 5.2.4; empty segments stay. */
function withoutDots(path: string): string {
  const out: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '..') {
      if (out.length > 1) out.pop();
      if (last) out.push('');
    } else if (segment !== '.') out.push(segment);
    else if (last) out.push('');
  }
  const joined = out.join('/');
  return joined.startsWith('/') ? joined : `/${joined}`;
}
