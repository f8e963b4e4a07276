// The least of HTTP/1.1 that scripted peers need: reads whole messages out of what has arrived, writes them.
// Slow and plain on purpose: it is the judge of the codecs, not their user.

export interface Message {
  first: string;
  headers: Map<string, string>;
  body: Buffer;
  /** False while more of the body may come (the head alone is complete). */
  complete: boolean;
}

/** Takes messages from the front of what was pushed. */
export class MessageReader {
  private bytes: Buffer = Buffer.alloc(0);
  private current: Message | null = null;
  private left = 0;
  private pieces: Buffer[] = [];
  private mode: 'head' | 'length' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers' | 'close' = 'head';
  error = '';

  push(bytes: Uint8Array): void {
    this.bytes = this.bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.bytes, bytes]);
  }
  get waiting(): number {
    return this.bytes.length;
  }
  /** Takes all bytes that wait: what follows is no HTTP. */
  rest(): Buffer {
    return this.take(this.bytes.length);
  }
  /** The message whose head has arrived, complete or not. */
  get partial(): Message | null {
    return this.current;
  }

  /**
   * The next complete message, or null. `hasBody` false: a response that has none whatever its headers say.
   * `ended`: FIN has arrived.
   */
  next(isRequest: boolean, hasBody = true, ended = false): Message | null {
    while (this.error === '') {
      if (this.mode === 'head') {
        const end = this.bytes.indexOf('\r\n\r\n');
        if (end < 0) return null;
        this.begin(this.take(end + 4).toString('latin1'), isRequest, hasBody);
        if (this.current!.complete) return this.finish();
      } else if (this.mode === 'length' || this.mode === 'chunk') {
        const piece = this.take(Math.min(this.left, this.bytes.length));
        this.left -= piece.length;
        this.add(piece);
        if (this.left > 0) return null;
        if (this.mode === 'length') return this.finish();
        this.mode = 'chunk end';
      } else if (this.mode === 'chunk end') {
        if (this.bytes.length < 2) return null;
        if (this.take(2).toString() !== '\r\n') this.error = 'no CR LF after a chunk';
        this.mode = 'chunk size';
      } else if (this.mode === 'close') {
        this.add(this.take(this.bytes.length));
        return ended ? this.finish() : null;
      } else {
        const end = this.bytes.indexOf('\r\n');
        if (end < 0) return null;
        const line = this.take(end + 2)
          .toString('latin1')
          .slice(0, -2);
        if (this.mode === 'trailers') {
          if (line === '') return this.finish();
          continue;
        }
        if (!/^[0-9a-f]+$/i.test(line)) this.error = `bad chunk size ${JSON.stringify(line.slice(0, 40))}`;
        this.left = parseInt(line, 16);
        this.mode = this.left === 0 ? 'trailers' : 'chunk';
      }
    }
    return null;
  }

  private begin(text: string, isRequest: boolean, hasBody: boolean): void {
    const [first, ...lines] = text.slice(0, -4).split('\r\n');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon <= 0) this.error = `bad header line ${JSON.stringify(line.slice(0, 40))}`;
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    this.current = { first: first!, headers, body: Buffer.alloc(0), complete: false };
    const status = isRequest ? 0 : Number(first!.split(' ')[1]);
    const length = headers.get('content-length');
    if (!hasBody || (status >= 100 && status < 200) || status === 204 || status === 304) this.current.complete = true;
    else if (headers.get('transfer-encoding') === 'chunked') this.mode = 'chunk size';
    else if (length !== undefined) {
      this.left = Number(length);
      if (this.left === 0) this.current.complete = true;
      else this.mode = 'length';
    } else if (isRequest) this.current.complete = true;
    else this.mode = 'close';
  }

  private add(piece: Buffer): void {
    if (piece.length > 0) this.pieces.push(piece);
  }
  private take(count: number): Buffer {
    const piece = this.bytes.subarray(0, count);
    this.bytes = this.bytes.subarray(count);
    return piece;
  }
  private finish(): Message {
    const message = this.current!;
    message.complete = true;
    message.body = Buffer.concat(this.pieces);
    this.pieces = [];
    this.current = null;
    this.mode = 'head';
    return message;
  }
}

/** The bytes that message `id` must carry: any mix-up of messages or offsets shows. */
export function pattern(id: number, bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  let state = (id * 2654435761) >>> 0;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    body[i] = state >>> 24;
  }
  return body;
}

/** `body` in chunks of the sizes that `sizeOf` gives. */
export function chunked(body: Buffer, sizeOf: () => number, trailers = ''): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const size = Math.min(sizeOf(), body.length - at);
    pieces.push(Buffer.from(`${size.toString(16)}\r\n`), body.subarray(at, at + size), Buffer.from('\r\n'));
    at += size;
  }
  pieces.push(Buffer.from(`0\r\n${trailers}\r\n`));
  return Buffer.concat(pieces);
}
