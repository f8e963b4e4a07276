// One access-log line: the request head decoded again from what was sent, the compiled format evaluated, the line put
// into the worker's ring. The ring is emptied as main would, so that no line is dropped.
import type { AccessLog, HttpConnectionManager } from '../src/config/types.js';
import { Control } from '../src/core/memory-map.js';
import { detail } from '../src/core/response-flags.js';
import { AccessLogWriter } from '../src/workers/proxy/access-log.js';
import { compileLog } from '../src/workers/proxy/log-format.js';
import { Stream } from '../src/workers/proxy/stream.js';
import type { HcmRuntime } from '../src/workers/listener/hcm.js';
import { ClusterRuntime } from '../src/workers/upstream/cluster.js';
import { Endpoint } from '../src/workers/upstream/endpoint.js';
import type { Engine } from '../src/workers/engine.js';
import { bench } from './bench.js';
import { benchEngine, putText, smallRequest } from './engine.js';

const LINES_PER_DRAIN = 256;
const LARGE = 2;

/** A stream as it is when its response is complete. */
function finishedStream(engine: Engine): Stream {
  const stream = new Stream();
  const buffer = engine.pool.acquire(LARGE);
  const at = engine.pool.offsetOf(buffer);
  stream.headBuffer = buffer;
  stream.headAt = at;
  stream.headBytes = putText(engine, at, smallRequest('orders.mesh.local')) - at;
  // All that a line reads of a connection manager.
  stream.hcm = { suppressEnvoyHeaders: false, config: {} as HttpConnectionManager } as HcmRuntime;
  stream.lastEndpoint = new Endpoint(engine, new ClusterRuntime(engine, 0),
    { kind: 'ip', host: '10.0.3.7', port: 8080, ipv4Compat: false }, 0);
  stream.status = 200;
  stream.details = detail('via_upstream');
  stream.startMs = stream.upstreamSentMs = engine.nowMs;
  stream.startWallMs = engine.wallMs;
  stream.responseStartMs = engine.nowMs + 3;
  stream.response.bytes = 128;
  return stream;
}

const line = (name: string, format: AccessLog['format']) => bench({
  name,
  setup: () => {
    const engine = benchEngine();
    return { engine, stream: finishedStream(engine), writer: new AccessLogWriter(engine),
      log: compileLog(engine, { sink: { kind: 'stdout' }, format, filter: null }, 0) };
  },
  run: ({ engine, stream, writer, log }, iterations) => {
    const { i32, control } = engine;
    for (let turn = 0; turn < iterations; turn++) {
      writer.write(stream, log, 'DownstreamEnd');
      if (turn % LINES_PER_DRAIN === 0) i32[control + Control.logHead] = i32[control + Control.logTail];
    }
    if (i32[control + Control.logDropped] !== 0) throw new Error('lines were dropped');
    return i32[control + Control.logTail];
  },
});

export const benches = [
  line('a line of the default format', { kind: 'text', format: '', omitEmptyValues: false }),
  line('a JSON line of ten fields', { kind: 'json', omitEmptyValues: false, fields: {
    start_time: '%START_TIME%', method: '%REQ(:METHOD)%', path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
    protocol: '%PROTOCOL%', response_code: '%RESPONSE_CODE%', response_flags: '%RESPONSE_FLAGS%',
    bytes_sent: '%BYTES_SENT%', duration: '%DURATION%', authority: '%REQ(:AUTHORITY)%',
    upstream_host: '%UPSTREAM_HOST%',
  } }),
];
