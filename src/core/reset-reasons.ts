// Why one stream of a connection ended that goes on for others: stands where an errno stands for whole connections, and
// is negative to be told from one.
/** The peer reset the stream (RST_STREAM). */
export const RESET_BY_PEER = -2;
/** The peer has not looked at it: REFUSED_STREAM, or beyond the last stream of its GOAWAY. Safe to send again. */
export const RESET_REFUSED = -3;
/** What the peer sent of the stream was malformed, and we reset it. */
export const RESET_PROTOCOL = -4;
/** We reset it for a limit of ours. */
export const RESET_LOCAL = -5;
