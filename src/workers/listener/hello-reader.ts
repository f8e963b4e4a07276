// Numbers and spans out of the bytes of a handshake message.

/** Reads a span without leaving it: after `failed` nothing it returned counts. */
export class Reader {
  failed = false;
  constructor(readonly u8: Uint8Array, public at: number, public end: number) {}
  get left(): number { return this.end - this.at; }
  number(bytes: number): number {
    if (this.left < bytes) { this.failed = true; return 0; }
    let value = 0;
    for (let i = 0; i < bytes; i++) value = value * 256 + this.u8[this.at++];
    return value;
  }
  /** What follows a length of `bytes` bytes. */
  span(bytes: number): Reader {
    const length = this.number(bytes);
    if (this.left < length) this.failed = true;
    const span = new Reader(this.u8, this.at, this.failed ? this.at : this.at + length);
    this.at = span.end;
    return span;
  }
  text(): string {
    let text = '';
    while (this.at < this.end) text += String.fromCharCode(this.u8[this.at++]);
    return text;
  }
}
