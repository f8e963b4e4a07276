// What a check expects to hear: pieces of bytes that must come in this order, with anything between them.

export class Payload {
  private readonly pieces: Buffer[];
  constructor(hexadecimal: readonly string[]) {
    this.pieces = hexadecimal.filter((text) => text !== '').map((text) => Buffer.from(text, 'hex'));
  }
  get isEmpty(): boolean { return this.pieces.length === 0; }

  isIn(bytes: Buffer): boolean {
    let from = 0;
    for (const piece of this.pieces) {
      const at = bytes.indexOf(piece, from);
      if (at < 0) return false;
      from = at + piece.length;
    }
    return true;
  }
}
