// The Location of a redirect that is to be followed, taken apart.
export interface RedirectUrl { https: boolean; host: string; path: string }

const SCHEME = '([A-Za-z][A-Za-z0-9+.-]*)://';
const USER = '(?:[^@/?#]*@)?';
const HOST = '(?:\\[[0-9A-Fa-f:.]+\\]|[^:/?#@[\\]\\s]+)';
/** Scheme, host and port as one, and the rest; user information is left out. */
const URL = new RegExp(`^${SCHEME}${USER}(${HOST}(?::(\\d{1,5}))?)([/?#].*)?$`);
const PORT_MAX = 65535;
/** Bytes that may stand in a request line. */
const PATH = /^[\x21-\x7e\x80-\xff]*$/;

/** Null where it is no absolute URL. A scheme other than http counts as https: it is not the one that we came by. */
export function parseRedirect(location: string): RedirectUrl | null {
  const found = URL.exec(location);
  if (found === null || Number(found[3] ?? 0) > PORT_MAX) return null;
  const [path] = (found[4] ?? '').split('#', 1);
  return PATH.test(path) ? { https: found[1].toLowerCase() !== 'http', host: found[2], path: path === '' ? '/' : path }
    : null;
}
