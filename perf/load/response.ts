// Reads HTTP/1.1 responses of one connection, for the load generator: the head, then content-length bytes. One request
// at a time.
export interface ResponseReader {
  /** Bytes of body still to come; -1 while the head is not complete. */
  remaining: number;
  status: number;
  keepAlive: boolean;
  partialHead: string;
}

export const newReader = (): ResponseReader => ({ remaining: -1, status: 0, keepAlive: true, partialHead: '' });

/** Takes `length` received bytes at `at`. True when the response is complete. Throws on what it cannot read. */
export function readResponse(reader: ResponseReader, bytes: Buffer, at: number, length: number): boolean {
  if (reader.remaining >= 0) return consume(reader, length);
  const text = reader.partialHead + bytes.toString('latin1', at, at + length);
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) {
    reader.partialHead = text;
    return false;
  }
  reader.partialHead = '';
  const head = text.slice(0, end);
  reader.status = Number(head.slice(9, 12));
  if (!(reader.status >= 100 && reader.status <= 599)) throw new Error(`not an HTTP response: ${head.slice(0, 60)}`);
  const rest = text.length - end - 4;
  if (reader.status < 200) {                  // interim: the final response follows
    reader.partialHead = text.slice(end + 4);
    return reader.partialHead.includes('\r\n\r\n') && readResponse(reader, bytes, at, 0);
  }
  const size = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (size === null && reader.status !== 204) throw new Error(`no content-length in: ${head.slice(0, 200)}`);
  reader.keepAlive = !/\r\nconnection: *close/i.test(head);
  reader.remaining = size === null ? 0 : Number(size[1]);
  return consume(reader, rest);
}

function consume(reader: ResponseReader, length: number): boolean {
  if (length > reader.remaining) throw new Error('more bytes than the response has');
  reader.remaining -= length;
  if (reader.remaining > 0) return false;
  reader.remaining = -1;
  return true;
}
