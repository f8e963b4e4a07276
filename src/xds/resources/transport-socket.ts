// core.v3.TransportSocket of filter chains and clusters: plain bytes so far.
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { TransportSocket } from '../wire/generated/messages.js';

const rawBufferType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

/** Transport sockets other than plain bytes are refused; none is plain bytes. */
export function checkTransportSocket(socket: TransportSocket | undefined, path: string, report: Report): void {
  const type = socket?.typedConfig?.type;
  if (socket === undefined || type === rawBufferType) return;
  if (type === undefined && socket.name === 'envoy.transport_sockets.raw_buffer') return;
  report.fail(fieldPath(path, 'typed_config'), type === undefined ? 'required'
    : `not implemented: transport socket ${type}`);
}
