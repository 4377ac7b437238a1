import library from '@jspm/core/nodelibs/querystring';

/** `node:querystring`. https://nodejs.org/api/querystring.html */
/** As encodeURIComponent, but what has no encoding becomes U+FFFD. */
export const escape = (text) =>
  encodeURIComponent(String(text).toWellFormed()).replaceAll(/%(21|27|28|29|2A)/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
export function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // Broken sequences stay, or become U+FFFD, as bytes do.
    const bytes = String(text).replaceAll(/%([\da-f]{2})/gi, (_, hex) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)));
  }
}
export const { parse, stringify, decode, encode } = library;
export default { ...library, escape, unescape };
