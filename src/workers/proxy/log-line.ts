// Writes what a compiled log format says of one stream: a text, or a JSON line whose values are escaped. Access logs
// and local replies share it.
import type { CompiledOperator } from '../routing/compiled-format.js';
import type { Engine } from '../engine.js';
import { metadataValue } from './format-texts.js';
import type { Formatter } from './formatter.js';
import type { CompiledFormat, Piece } from './log-format.js';
import type { Stream } from './stream.js';

const DASH = 45;
const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN_BRACE = 123;

export class LogLine {
  constructor(private readonly engine: Engine, readonly formatter: Formatter) {}

  /** Writes at the formatter's place. `request` and `response` are Head records or 0. */
  write(stream: Stream, format: CompiledFormat, request: number, response: number): void {
    const { pieces, omitEmpty } = format;
    for (let i = 0; i < pieces.length; i++) this.piece(stream, pieces[i], request, response, omitEmpty);
  }

  private piece(stream: Stream, piece: Piece, request: number, response: number, omitEmpty: boolean): void {
    if (piece.literal !== null) this.formatter.write(stream, piece.literal, 0, 0);
    if (piece.key === null) this.value(stream, piece, request, response, omitEmpty);
    else this.member(stream, piece, piece.key, request, response);
  }

  /** A member of an object whose empty members are left out. */
  private member(stream: Stream, piece: Piece, key: CompiledOperator, request: number, response: number): void {
    const { writer } = this.formatter;
    const before = writer.at;
    const last = this.engine.u8[before - 1];
    if (last !== OPEN_BRACE) writer.byte(COMMA);
    this.formatter.write(stream, key, 0, 0);
    if (!this.value(stream, piece, request, response, true)) writer.at = before;
  }

  /** Returns false where a single value is missing. */
  private value(stream: Stream, piece: Piece, request: number, response: number, omitEmpty: boolean): boolean {
    const { writer } = this.formatter;
    const { operators } = piece;
    switch (piece.form) {
      case 'text': this.values(stream, operators, request, response, omitEmpty); return true;
      case 'number':
        if (this.formatter.write(stream, operators[0], request, response)) return true;
        writer.text('null');
        return false;
      case 'json': return this.jsonValue(stream, operators[0]);
      case 'string': break;
    }
    writer.byte(QUOTE);
    const from = writer.at;
    if (operators.length > 1) this.values(stream, operators, request, response, omitEmpty);
    else if (!this.formatter.write(stream, operators[0], request, response)) {
      writer.at = from - 1;
      writer.text('null');
      return false;
    }
    this.escape(from);
    writer.byte(QUOTE);
    return true;
  }

  private values(stream: Stream, operators: readonly CompiledOperator[], request: number, response: number,
      omitEmpty: boolean): void {
    const { formatter } = this;
    for (let i = 0; i < operators.length; i++)
      if (!formatter.write(stream, operators[i], request, response) && !omitEmpty) formatter.writer.byte(DASH);
  }

  /** Metadata in a JSON log: a structure stands as it is, a text is quoted. */
  private jsonValue(stream: Stream, operator: CompiledOperator): boolean {
    const { writer } = this.formatter;
    const value = metadataValue(stream, operator.text, operator.path);
    const missing = value === undefined || value === null;
    writer.text(missing ? 'null' : Buffer.from(JSON.stringify(value), 'utf8').toString('latin1'));
    return !missing;
  }

  /**
   * Escapes what was written since `from` for JSON, if anything needs it. Bytes above ASCII are kept: they are UTF-8
   * or the peer's business.
   */
  private escape(from: number): void {
    const { u8 } = this.engine;
    const { writer } = this.formatter;
    let needed = false;
    for (let i = from; i < writer.at && !needed; i++)
      needed = u8[i] < 32 || u8[i] === QUOTE || u8[i] === BACKSLASH || u8[i] > 126;
    if (!needed) return;
    const text = Buffer.from(u8.slice(from, writer.at)).toString('utf8');
    const escaped = Buffer.from(JSON.stringify(text).slice(1, -1), 'utf8');
    const room = Math.min(escaped.length, writer.end - from);
    u8.set(escaped.subarray(0, room), from);
    writer.at = from + room;
  }
}
