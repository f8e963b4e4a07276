// One frame, read slowly from RFC 9113 4.1 and 6: what h2DecodeFrame has to say of the bytes.
import { H2Error, H2Scope, H2Type } from '../../../src/core/generated/layouts.js';

export interface JudgedFrame { result: number; code: number; scope: number }
const PADDED = 8, PRIORITY = 0x20, ACK = 1;
/** Types that belong to a stream, and those that belong to the connection. */
const onStream: number[] = [H2Type.data, H2Type.headers, H2Type.priority, H2Type.rstStream, H2Type.pushPromise,
  H2Type.continuation];
const onConnection: number[] = [H2Type.settings, H2Type.ping, H2Type.goaway];

export function referenceFrame(input: Buffer, maxPayload: number): JudgedFrame {
  if (input.length < 9) return { result: -1, code: 0, scope: 0 };
  const length = input.readUIntBE(0, 3), type = input[3], flags = input[4];
  const streamId = input.readUInt32BE(5) % 2 ** 31;
  const refused = (code: number): JudgedFrame => ({ result: 0, code, scope: H2Scope.connection });
  if (length > maxPayload) return refused(H2Error.frameSize);
  if (streamId === 0 ? onStream.includes(type) : onConnection.includes(type)) return refused(H2Error.protocol);
  if (sizeIsWrong(type, flags, length)) return refused(H2Error.frameSize);
  const frame = { result: 9 + length, code: 0, scope: 0, type, flags, streamId, payload: '', flowBytes: 0, remaining: 0,
    padding: 0, value: 0, lastStreamId: 0, dependency: 0 };
  const blame = (code: number) => { frame.code = code; frame.scope = H2Scope.stream; };
  const payload = input.subarray(9, 9 + length);
  if (type === H2Type.data) return dataFrame(frame, payload, length, (flags & PADDED) !== 0, refused);
  if (payload.length < length) return { result: -1, code: 0, scope: 0 };
  let from = 0, to = length;
  if (type === H2Type.headers || type === H2Type.pushPromise) {
    const padded = (flags & PADDED) !== 0;
    from = (padded ? 1 : 0) + (type === H2Type.pushPromise ? 4 : (flags & PRIORITY) !== 0 ? 5 : 0);
    if (length < from) return refused(H2Error.frameSize);
    to -= padded ? payload[0] : 0;
    if (to < from) return refused(H2Error.protocol);
    const at = padded ? 1 : 0;
    if (type === H2Type.pushPromise) frame.value = payload.readUInt32BE(at) % 2 ** 31;
    else if ((flags & PRIORITY) !== 0) frame.dependency = payload.readUInt32BE(at) % 2 ** 31;
    if (type === H2Type.headers && (flags & PRIORITY) !== 0 && frame.dependency === streamId) blame(H2Error.protocol);
  } else if (type === H2Type.priority && length !== 5) blame(H2Error.frameSize);
  else if (type === H2Type.priority) {
    frame.dependency = payload.readUInt32BE(0) % 2 ** 31;
    frame.value = payload[4];
    if (frame.dependency === streamId) blame(H2Error.protocol);
  } else if (type === H2Type.rstStream) frame.value = payload.readUInt32BE(0);
  else if (type === H2Type.windowUpdate) {
    frame.value = payload.readUInt32BE(0) % 2 ** 31;
    if (frame.value === 0 && streamId === 0) return refused(H2Error.protocol);
    if (frame.value === 0) blame(H2Error.protocol);
  } else if (type === H2Type.goaway) {
    frame.lastStreamId = payload.readUInt32BE(0) % 2 ** 31;
    frame.value = payload.readUInt32BE(4);
    from = 8;
  }
  return { ...frame, payload: payload.subarray(from, to).toString('latin1') } as JudgedFrame;
}

function sizeIsWrong(type: number, flags: number, length: number): boolean {
  switch (type) {
    case H2Type.rstStream:
    case H2Type.windowUpdate: return length !== 4;
    case H2Type.ping: return length !== 8;
    case H2Type.goaway: return length < 8;
    case H2Type.settings: return length % 6 !== 0 || ((flags & ACK) !== 0 && length > 0);
    default: return false;
  }
}

/** Of DATA what is there is handed out; the rest is told. */
function dataFrame(frame: JudgedFrame, payload: Buffer, length: number, padded: boolean,
    refused: (code: number) => JudgedFrame): JudgedFrame {
  if (padded && length === 0) return refused(H2Error.frameSize);
  if (padded && payload.length === 0) return { result: -1, code: 0, scope: 0 };
  const padding = padded ? payload[0] : 0, from = padded ? 1 : 0;
  if (padding + from > length) return refused(H2Error.protocol);
  const data = payload.subarray(from, length - padding);
  const cut = Math.max(0, payload.length - (length - padding));
  return { ...frame, result: 9 + payload.length, payload: data.toString('latin1'), flowBytes: length,
    remaining: length - payload.length, padding: padding - cut } as JudgedFrame;
}
