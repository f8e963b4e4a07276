// Where an HTTP/2 connection is in its life.
export const SESSION_OPEN = 0;
/** Its end was said; what still comes is thrown away until the peer closes. */
export const SESSION_LINGERING = 1;
export const SESSION_CLOSED = 2;
