// The HTTP/2 part of the codecs (assembly/http2/): frames, settings, HPACK tables, and field sections to and from
// the canonical head, which is HTTP/1.1 text. Records are H2Frame, H2Settings and H2Head of scripts/layouts.mjs; error
// codes are H2Error, scopes H2Scope, frame types H2Type.
export interface Http2Codecs {
  /**
   * Finds one frame in [at, end) and writes an H2Frame record. > 0: bytes consumed; -1: more bytes are needed (none
   * is consumed); 0: the connection has to end, `code` says why. With > 0, a `code` that is not 0 is an error of the
   * stream alone (scope 1): the frame is valid otherwise, and a header block in it must still be decoded.
   *
   * DATA is handed out in part: as soon as the header and the pad length are there, payloadAt and payloadBytes are the
   * data in hand, `remaining` is what of the frame is still to come, its last `padding` bytes padding. flowBytes, the
   * whole payload, is counted once, here; of every other frame it is 0. All other frames come whole; padding, priority
   * and promised stream are cut off. A payload above `maxPayload` is FRAME_SIZE_ERROR. Types that are not known come as
   * they are.
   */
  h2DecodeFrame(at: number, end: number, frame: number, maxPayload: number): number;
  /** What holds of a peer before its first SETTINGS frame, as an H2Settings record. */
  h2ResetSettings(settings: number): void;
  /**
   * Applies the payload of one SETTINGS frame; returns 0 or an error code of the connection. Set `headerTableLeast` to
   * 2^31 - 1 before; after it, when headerTableBytes changed, hpackResize the encoder's table to headerTableLeast and
   * then to headerTableBytes.
   */
  h2ReadSettings(at: number, bytes: number, settings: number): number;

  /**
   * Bytes of an HPACK table block of this capacity, which is taken as 4096 (what a peer assumes first) to
   * HPACK_CAPACITY_MAX; `encoder` = 1 for an encoder's.
   */
  hpackTableBytes(capacity: number, encoder: number): number;
  /** Makes an empty table in a block of hpackTableBytes(capacity, encoder), aligned to 8. */
  hpackReset(table: number, capacity: number, encoder: number): void;
  /**
   * A new SETTINGS_HEADER_TABLE_SIZE. Decoder: ours, once the peer acknowledged it; at most the capacity. Encoder: the
   * peer's, any size; what of it fits the capacity is used, and announced in the next block.
   */
  hpackResize(table: number, bytes: number): void;

  /**
   * Decodes the whole field section [at, end) of a request into canonical text at `text`: request line, host first,
   * then the fields, then an empty line. > 0: bytes of text; 0: refused, the H2Head record says `code` and `scope`.
   * A stream's refusal (malformed, flags tooLarge or tooMany) leaves the table in step with the peer's; the
   * connection's (COMPRESSION_ERROR) does not. `text` must not overlap the input, behind which 15 bytes must be
   * readable; textMax bounds what is written, 15 bytes of copies' slack apart. listBytesMax counts as RFC 9113 6.5.2
   * does: name, value and 32 of each field; countMax counts fields. Options: H2_ALLOW_EXTENDED_CONNECT.
   */
  h2DecodeRequest(table: number, at: number, end: number, text: number, textMax: number, head: number,
    listBytesMax: number, countMax: number, options: number): number;
  /**
   * As h2DecodeRequest, with `HTTP/1.1 200 ` as first line; `status` in the record. Option H2_UPGRADED: the request was
   * an extended CONNECT for the protocol at protocolAt, protocolBytes of the record (set by the caller); 200 becomes
   * 101 with `connection: upgrade` and `upgrade`.
   */
  h2DecodeResponse(table: number, at: number, end: number, text: number, textMax: number, head: number,
    listBytesMax: number, countMax: number, options: number): number;
  /** As h2DecodeRequest; lines `name: value\r\n` alone. No field at all is 0 with code 0. */
  h2DecodeTrailers(table: number, at: number, end: number, text: number, textMax: number, head: number,
    listBytesMax: number, countMax: number, options: number): number;

  /**
   * Writes the canonical request head [at, end) as HEADERS and CONTINUATION frames at `dst`; returns the position after
   * them, or 0 when the text is no head. `record` is room for a Head record of `countMax` lines. Names are lowered
   * where they lie. At most h2BlockBytesMax(text bytes, maxFrame) bytes are written. Flags: H2_END_STREAM, H2_HTTPS.
   * A request with `connection: upgrade` becomes an extended CONNECT.
   */
  h2EncodeRequest(table: number, at: number, end: number, record: number, countMax: number, dst: number,
    streamId: number, flags: number, maxFrame: number): number;
  /** As h2EncodeRequest. A 101 becomes 200 (RFC 8441 5). Flags: H2_END_STREAM. */
  h2EncodeResponse(table: number, at: number, end: number, record: number, countMax: number, dst: number,
    streamId: number, flags: number, maxFrame: number): number;
  /** As h2EncodeRequest, of lines without an empty line; always ends the stream. No line gives an empty block. */
  h2EncodeTrailers(table: number, at: number, end: number, dst: number, streamId: number, maxFrame: number): number;
  /** Room that an encoder needs at `dst` for a text of this length, copies' slack included. */
  h2BlockBytesMax(textBytes: number, maxFrame: number): number;
}

/** The largest HPACK table: what of a larger SETTINGS_HEADER_TABLE_SIZE of a peer goes beyond is not used. */
export const HPACK_CAPACITY_MAX = 65536;
/** Options of h2Decode*. */
export const H2_ALLOW_EXTENDED_CONNECT = 1;
export const H2_UPGRADED = 2;
/** Flags of h2Encode*. */
export const H2_END_STREAM = 1;
export const H2_HTTPS = 2;
