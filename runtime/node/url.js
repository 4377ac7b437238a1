import library, { Url, parse as parseAddress, resolve, resolveObject } from '@jspm/core/nodelibs/url';
import punycode from '@jspm/core/nodelibs/punycode';
import { fault, invalidType } from './errors.js';

/** `node:url`: the web's own classes, and npm's `url` for what is older. https://nodejs.org/api/url.html */

export const { URL, URLPattern, URLSearchParams } = globalThis;
export { Url, resolve, resolveObject };

export function parse(address, parsesQuery, slashesDenoteHost) {
  if (typeof address !== 'string') throw invalidType('url', 'of type string');
  return parseAddress(address, parsesQuery, slashesDenoteHost);
}

export function format(address, { auth = true, fragment = true, search = true, unicode = false } = {}) {
  if (!(address instanceof URL)) return library.format(address);
  const { protocol, username, password, host, hostname, port } = address;
  const shownHost = unicode ? `${domainToUnicode(hostname)}${port === '' ? '' : `:${port}`}` : host;
  const secret = password === '' ? '' : `:${password}`;
  const user = auth && (username !== '' || password !== '') ? `${username}${secret}@` : '';
  return [
    protocol,
    // As the standard's serializer: addresses such as mailto: have no authority.
    address.href.startsWith(`${protocol}//`) ? `//${user}${shownHost}` : '',
    address.pathname,
    search ? address.search : '',
    fragment ? address.hash : '',
  ].join('');
}

/** The host as a URL has it; '' where it cannot be one. */
export function domainToASCII(domain) {
  const [one, other] = ['ws://x', 'ws://y'].map((start) => {
    const address = new URL(start);
    address.hostname = `${domain}`;
    return address.hostname;
  });
  // What is refused leaves each as it was.
  return one === other ? one : '';
}
export const domainToUnicode = (domain) => punycode.toUnicode(domainToASCII(domain));

export function fileURLToPath(given) {
  if (typeof given !== 'string' && !(given instanceof URL))
    throw invalidType('path', 'of type string or an instance of URL');
  const { protocol, hostname, pathname } = typeof given === 'string' ? toURL(given) : given;
  if (protocol !== 'file:')
    throw fault(TypeError, 'ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
  if (hostname !== '')
    throw fault(TypeError, 'ERR_INVALID_FILE_URL_HOST', 'File URL host must be "localhost" or empty');
  if (/%2f/i.test(pathname))
    throw fault(
      TypeError,
      'ERR_INVALID_FILE_URL_PATH',
      'File URL path must not include encoded / characters',
    );
  return decodeURIComponent(pathname);
}

function toURL(text) {
  try {
    return new URL(text);
  } catch {
    throw Object.assign(fault(TypeError, 'ERR_INVALID_URL', 'Invalid URL'), { input: text });
  }
}

export function pathToFileURL(path) {
  if (typeof path !== 'string') throw invalidType('path', 'of type string');
  return library.pathToFileURL(path);
}

/** A URL as the options of `http.request`. */
export function urlToHttpOptions(address) {
  const { protocol, hostname, hash, search, pathname, href, port, username, password } = address;
  const options = {
    __proto__: null,
    ...address,
    protocol,
    hostname: hostname?.startsWith('[') ? hostname.slice(1, -1) : hostname,
    hash,
    search,
    pathname,
    path: `${pathname ?? ''}${search ?? ''}`,
    href,
  };
  if (port !== '') options.port = Number(port);
  if (username || password) options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

export default {
  URL,
  URLPattern,
  URLSearchParams,
  Url,
  domainToASCII,
  domainToUnicode,
  fileURLToPath,
  format,
  parse,
  pathToFileURL,
  resolve,
  resolveObject,
  urlToHttpOptions,
};
