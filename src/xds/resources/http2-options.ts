// core.v3.Http2ProtocolOptions, of connection managers and of clusters.
import { limits } from '../../core/limits.js';
import { usualHttp2 } from '../../config/http2.js';
import type { Http2Keepalive, Http2Options } from '../../config/http2.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Http2ProtocolOptions } from '../wire/generated/messages.js';
import { boolOf, millisecondsOf, numberOf } from './fields.js';

const WINDOW_LEAST = 65_535;

/** Absent: the defaults. */
export function readHttp2Options(message: Http2ProtocolOptions | undefined, path: string,
  report: Report): Http2Options {
  if (message === undefined) return usualHttp2;
  const usual = usualHttp2;
  return {
    headerTableBytes: atMost(numberOf(message.hpackTableSize, usual.headerTableBytes), limits.headerTableBytesMax,
      fieldPath(path, 'hpack_table_size'), report),
    maxConcurrentStreams: numberOf(message.maxConcurrentStreams, usual.maxConcurrentStreams),
    streamWindowBytes: window(numberOf(message.initialStreamWindowSize, usual.streamWindowBytes),
      limits.http2StreamWindowBytesMax),
    connectionWindowBytes: window(numberOf(message.initialConnectionWindowSize, usual.connectionWindowBytes),
      limits.http2ConnectionWindowBytesMax),
    allowConnect: message.allowConnect ?? false,
    outboundFramesMax: numberOf(message.maxOutboundFrames, usual.outboundFramesMax),
    outboundControlFramesMax: numberOf(message.maxOutboundControlFrames, usual.outboundControlFramesMax),
    emptyFramesMax: numberOf(message.maxConsecutiveInboundFramesWithEmptyPayload, usual.emptyFramesMax),
    priorityFramesPerStreamMax: numberOf(message.maxInboundPriorityFramesPerStream, usual.priorityFramesPerStreamMax),
    windowUpdatesPerDataFrameMax: numberOf(message.maxInboundWindowUpdateFramesPerDataFrameSent,
      usual.windowUpdatesPerDataFrameMax),
    streamErrorOnInvalidMessage: boolOf(message.overrideStreamErrorOnInvalidHttpMessage,
      message.streamErrorOnInvalidHttpMessaging ?? false),
    keepalive: readKeepalive(message, fieldPath(path, 'connection_keepalive'), report),
  };
}

/** Windows are advice to the peer: one beyond what buffers can hold is made as large as they can. */
const window = (bytes: number, most: number): number => Math.max(WINDOW_LEAST, Math.min(bytes, most));

function atMost(value: number, most: number, path: string, report: Report): number {
  if (value > most) report.fail(path, `${value} is beyond this build's limit of ${most}`);
  return value;
}

function readKeepalive(message: Http2ProtocolOptions, path: string, report: Report): Http2Keepalive | null {
  const keepalive = message.connectionKeepalive;
  if (keepalive === undefined) return null;
  return { intervalMs: millisecondsOf(keepalive.interval, 0, fieldPath(path, 'interval'), report),
    timeoutMs: millisecondsOf(keepalive.timeout, 0, fieldPath(path, 'timeout'), report),
    jitterPercent: keepalive.intervalJitter?.value ?? 15 };
}
