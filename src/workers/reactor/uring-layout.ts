// Numbers of the io_uring driver: state bits, user data, operations, and where its parts lie in the scratch memory.
import { MSG_NOSIGNAL, MSG_WAITALL } from '../../os/constants.js';
import { MESSAGE_BYTES } from './message.js';
import { RING_SCRATCH_BYTES } from './uring-ring.js';

// Operations under way on a slot, and which buffers its receive uses; bits above those of socket-flags.ts.
export const RECEIVE_ARMED = 1 << 16;
export const RECEIVE_CANCELLED = 1 << 17;
export const RECEIVE_BULK = 1 << 18;
export const SEND_UNDER_WAY = 1 << 19;
export const CONNECT_UNDER_WAY = 1 << 20;
export const UNDER_WAY = RECEIVE_ARMED | SEND_UNDER_WAY | CONNECT_UNDER_WAY;

export const KIND = 0x7f000000;
export const SLOT = 0x00ffffff;
export const RECEIVE = 1 << 24;
export const SEND = 2 << 24;
export const CONNECT = 3 << 24;
export const ACCEPT = 4 << 24;
export const WAKE = 5 << 24;
export const IGNORED = 6 << 24;

export const OP_POLL_ADD = 6;
export const OP_SENDMSG = 9;
export const OP_CONNECT = 16;
export const OP_CLOSE = 19;
export const OP_SEND = 26;
const OP_RECV = 27;
export const RECEIVE_ONCE = OP_RECV | (32 << 8);               // BUFFER_SELECT
export const RECEIVE_MANY = RECEIVE_ONCE | (2 << 16);          // RECV_MULTISHOT
export const SEND_FLAGS = MSG_NOSIGNAL | MSG_WAITALL;          // WAITALL: the kernel itself continues short sends
export const CQE_BUFFER = 1;
export const CQE_MORE = 2;

/** Memory that an entry names until it is submitted: a msghdr and its iovecs, or a sockaddr. */
export const AREA_BYTES = MESSAGE_BYTES;
export const AREAS = 256;
export const BUFFERS_MAX = 256;
export const BULK_BUFFERS_MAX = 16;
export const OPTION = 2048;                                    // free part of the ring's first page
export const AREAS_AT = RING_SCRATCH_BYTES;
export const BUFFER_RING = (AREAS_AT + AREAS * AREA_BYTES + 4095) & ~4095;
export const BULK_RING = BUFFER_RING + ((BUFFERS_MAX * 16 + 4095) & ~4095);
export const URING_SCRATCH_BYTES = BULK_RING + 4096;
