// Lines of the canonical text of RPC frames (workers/codecs-rpc.ts), for the head of a request that is to become one.

/** Names that can stand as a line without being taken for HTTP's: what has no dash, and is none of these. */
const PLAIN = /^[a-z][a-z0-9_.]*$/;
const ofHttp: ReadonlySet<string> = new Set(['accept', 'age', 'allow', 'authorization', 'connection', 'cookie', 'date',
  'etag', 'expect', 'expires', 'from', 'host', 'link', 'location', 'origin', 'range', 'referer', 'server', 'te',
  'trailer', 'upgrade', 'vary', 'via', 'warning']);
const LINE_VALUE = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

const hexOf = (text: string): string => Buffer.from(text, 'utf8').toString('hex');

/** Headers that never are pairs by themselves: their lines are the proxy's. */
const OURS = /^(?:x-forwarded-(?:for|proto|host|port)|x-request-id|via|server)$/;

/** A header of a request as a pair. */
export const forwardedLine = (name: string, value: string): string =>
  OURS.test(name) ? `weft-pair: ${hexOf(name)}=${hexOf(value)}\r\n` : `${name}: ${value}\r\n`;

/** A pair of the frame: an attachment, an entry of the header map. */
export const pairLine = (name: string, value: string): string =>
  PLAIN.test(name) && !ofHttp.has(name) && LINE_VALUE.test(value) ? `${name}: ${value}\r\n`
    : `weft-pair: ${hexOf(name)}=${hexOf(value)}\r\n`;
