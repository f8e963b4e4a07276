// HTTP/1 messages as scripted peers see them: small, forgiving of nothing, independent of the codec under test.

export interface Message {
  start: string; // request line or status line
  headers: [name: string, value: string][];
  body: string;
  trailers: [string, string][];
  framing: 'none' | 'length' | 'chunked' | 'close';
  complete: boolean;
  bytes: number; // of the whole message, when complete
  headBytes: number;
}

/** First value of a header, or undefined. */
export const headerOf = (message: { headers: [string, string][] }, name: string): string | undefined =>
  message.headers.find(([entry]) => entry.toLowerCase() === name)?.[1];
export const statusOf = (message: Message): number => Number(message.start.split(' ')[1]);

/**
 * The first message in `text`; null while its head is incomplete. `noBody` for responses that have none whatever
 * they say.
 */
export function parseMessage(
  text: string,
  kind: 'request' | 'response',
  noBody = false,
  ended = false,
): Message | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [start, ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const match = /^([^\s:]+): ?(.*)$/s.exec(line);
    if (match === null) throw new Error(`bad header line ${JSON.stringify(line)}`);
    return [match[1], match[2]];
  });
  const message: Message = {
    start,
    headers,
    body: '',
    trailers: [],
    framing: 'none',
    complete: true,
    bytes: end + 4,
    headBytes: end + 4,
  };
  const length = headerOf(message, 'content-length'),
    coding = headerOf(message, 'transfer-encoding');
  if (coding !== undefined && length !== undefined) throw new Error('both lengths');
  const status = kind === 'response' ? statusOf(message) : 0;
  if (noBody || (status >= 100 && status < 200) || status === 204 || status === 304) return message;
  if (coding !== undefined) return chunked(text, message);
  if (length !== undefined) {
    message.framing = 'length';
    message.body = text.slice(end + 4, end + 4 + Number(length));
    message.complete = message.body.length === Number(length);
    message.bytes += message.body.length;
  } else if (kind === 'response') {
    message.framing = 'close';
    message.body = text.slice(end + 4);
    message.bytes = text.length;
    message.complete = ended;
  }
  return message;
}

function chunked(text: string, message: Message): Message {
  message.framing = 'chunked';
  message.complete = false;
  let at = message.headBytes;
  for (;;) {
    const line = /^([0-9a-fA-F]+)\r\n/.exec(text.slice(at, at + 20));
    if (line === null) {
      if (text.length - at > 16) throw new Error(`bad chunk size ${JSON.stringify(text.slice(at, at + 20))}`);
      return message;
    }
    const size = Number.parseInt(line[1], 16);
    at += line[0].length;
    if (size === 0) break;
    message.body += text.slice(at, at + size);
    if (text.length < at + size + 2) return message;
    if (text.slice(at + size, at + size + 2) !== '\r\n') throw new Error('no CRLF behind a chunk');
    at += size + 2;
  }
  const end = text.startsWith('\r\n', at) ? at : text.indexOf('\r\n\r\n', at) + 2;
  if (end < 2 || (end === at && !text.startsWith('\r\n', at))) return message;
  message.trailers = text
    .slice(at, end)
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => line.split(': ') as [string, string]);
  message.complete = true;
  message.bytes = end + 2;
  return message;
}
