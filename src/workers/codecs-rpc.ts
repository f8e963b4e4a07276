// The codecs of RPC protocols (assembly/rpc/): the start of a frame to canonical text, which is HTTP/1.1's, and back.
// Every protocol has the same calls; records are RpcFrame, RpcKind and RpcRefusal of scripts/layouts.mjs.
//
// A request's text:
//
//   POST /<service>/<method> HTTP/1.1
//   host: <service>                         "-" where service or method is unknown
//   x-service, x-method                     and x-version, x-group, x-class where the frame says them
//   weft-frame: <hex>                       the fixed header as it came: what has no line of its own goes round in it
//   <name>: <value>                         every pair (header map, attachment) as spelled, in its order
//   weft-pair: <hex name>=<hex value>       a pair that cannot be a line, or whose name is HTTP's or ours; "-": null;
//                                           "*" in front of one: it is no text
//   content-length: <bytes of the body>
//
// A response's begins with `HTTP/1.1 <status> `, and has x-class, weft-frame, pairs and content-length. Lines that are
// HTTP's or ours are never written into frames, every other one is a pair.

/** The calls of one protocol. */
export interface RpcCalls {
  /**
   * Finds the start of a frame in [at, end). > 0: the bytes that the text at `text` stands for, a request's or a
   * response's; behind them `bodyBytes` of body are to come (and with the flag crc four more, over everything before).
   * Of other kinds there is no text, and the bytes are the whole frame. -1: more bytes are needed, `needed` in all.
   * 0: it is refused, `code` says why; with the flag delimited, kind and id are known and the frame ends after
   * `headBytes` + `bodyBytes`, else the connection is out of step. Reads nothing outside [at, end); `text` has room
   * for textMax bytes and 15 of slack. Options: RPC_ALL_PAIRS.
   */
  decode(at: number, end: number, frame: number, text: number, textMax: number, frameBytesMax: number,
    options: number): number;
  /**
   * Writes the start of a request's frame for the text [text, textEnd), with the id that is in the record. Returns the
   * position after it, at most `dstMax` bytes behind `dst`, or 0: `code` says why. Sets kind, bodyBytes (of the text's
   * content-length), flags, cut, tailAt, tailBytes; with the flag crc, `crc` is that of what was written, to go on with
   * rpcCrc over the body. `tailBytes` at `tailAt`, behind the returned position and within dstMax too, follow the body,
   * whose last `cut` bytes do not go out. 15 bytes behind dstMax are the copies' slack.
   */
  encodeRequest(text: number, textEnd: number, frame: number, dst: number, dstMax: number): number;
  /**
   * As encodeRequest, of a response; `origin` and the id are those of the request. A text without weft-frame, or one
   * whose status a filter changed, is a reply of ours: its frame is an error with `status` (the protocol's; -1: as the
   * text's status says), and whole (flag local).
   */
  encodeResponse(text: number, textEnd: number, frame: number, dst: number, dstMax: number): number;
  /** Writes a heartbeat with the id that is in the record, of the kind of frame that `origin` says (0: the usual). */
  encodeHeartbeat(frame: number, dst: number): number;
  /** Answers the heartbeat whose facts are in the record as its decoder left them. */
  encodeHeartbeatReply(frame: number, dst: number): number;
  /** Says that no further request is wanted; 0: the protocol has no such frame. */
  encodeGoAway(frame: number, dst: number): number;
}

/** As the module exports them: `<protocol><Call>`. */
type Exports<P extends string> = { [C in keyof RpcCalls as `${P}${Capitalize<C>}`]: RpcCalls[C] };

export interface RpcCodecs extends Exports<'bolt'>, Exports<'dubbo'>, Exports<'example'> {
  /** CRC-32 (IEEE 802.3) of `bytes` at `at`, going on from `crc`; 0 begins. */
  rpcCrc(crc: number, at: number, bytes: number): number;
  /** Is [text, end) what stands above, of a frame of this kind with a body of `bodyBytes`? 1 or 0. */
  rpcIsCanonical(text: number, end: number, kind: number, bodyBytes: number): number;
}

/**
 * Of decode: all attachments are wanted as lines, not only what the protocol has at the beginning. Where they are at
 * the end (Dubbo), the whole frame has to be there: -1 says so in `needed`, with kind, id, headBytes and bodyBytes in
 * the record. Without it, lines that a filter adds to such a text are not written.
 */
export const RPC_ALL_PAIRS = 1;
