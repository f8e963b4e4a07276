// Messages read from JSON survive protobuf bytes: ADS will feed the same path.
import t from 'tap';
import { decodeMessage, encodeMessage } from '../../../src/xds/wire/binary.js';
import { JsonReader } from '../../../src/xds/wire/json-reader.js';
import { writeMessage } from '../../../src/xds/wire/json-writer.js';
import { Report } from '../../../src/xds/wire/message.js';
import type { Json } from '../../../src/xds/wire/message.js';
import { bootstrap, cluster, connectionManager, httpOptions, listener, typeUrl } from '../examples.js';

const type = 'envoy.config.bootstrap.v3.Bootstrap';
const rich = bootstrap(
  [listener({ additional_addresses: [{ address: { pipe: { path: '/tmp/x', mode: 384 } } }], enable_reuse_port: false,
    metadata: { filter_metadata: { a: { b: [1, null, true, 'x', { c: {} }] } } } },
      connectionManager({ max_request_headers_kb: 60,
    stream_idle_timeout: '0s', common_http_protocol_options: { idle_timeout: '0.000000001s',
      max_headers_count: 0 } }))],
  [cluster({ typed_extension_protocol_options: { [httpOptions]: { '@type': typeUrl(httpOptions),
    explicit_http_config: { http_protocol_options: { enable_trailers: true } } } },
      circuit_breakers: { thresholds: [{ max_requests: 7 }] } }),
  { name: 'empty', type: 'STATIC', load_assignment: { cluster_name: 'empty' } }],
  { node: { id: 'n', metadata: { x: 1 } }, layered_runtime: { layers: [{ name: 'admin', admin_layer: {} }] } });

t.test('JSON -> message -> bytes -> message', async (t) => {
  for (const tree of [bootstrap(), rich]) {
    const report = new Report(false, 100);
    const message = new JsonReader(report, false).read(type, tree as Json, '');
    const decoded = decodeMessage(type, encodeMessage(type, message), '', report);
    t.same(report.errors, []);
    t.same(decoded, message);
    t.equal(writeMessage(type, decoded as object), writeMessage(type, message));
  }
});

t.test('a field that Weft does not implement is seen in bytes', async (t) => {
  const report = new Report(false, 100);
  const message = new JsonReader(report, false).read('envoy.config.cluster.v3.Cluster',
    { name: 'c', health_checks: [{}] }, '');
  const decoded = decodeMessage('envoy.config.cluster.v3.Cluster',
    encodeMessage('envoy.config.cluster.v3.Cluster', message), '', report);
  t.ok(decoded !== null && 'healthChecks' in decoded);
});

t.test('bytes that are not protobuf', async (t) => {
  const report = new Report(false, 100);
  t.equal(decodeMessage(type, new Uint8Array([0xff, 0xff, 0xff]), 'x', report), null);
  t.match(report.errors, [{ path: 'x', reason: /not valid protobuf/ }]);
});
