// grpc_stats over HTTP/2: messages in frames of any size, statuses in trailers, the time that the upstream took. Asked
// the same way of Envoy (WEFT_TEST_KINDS=envoy).
import type { ServerHttp2Stream } from 'node:http2';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';

const kinds = process.env.WEFT_TEST_KINDS === undefined ? weftKinds
  : process.env.WEFT_TEST_KINDS.split(',') as ProxyKind[];
const grpc = { 'content-type': 'application/grpc' };
const TYPES = 'type.googleapis.com/envoy.extensions.filters.http.';
const message = (bytes: number): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return Buffer.concat([head, Buffer.alloc(bytes, 'm')]);
};

/** Three messages in frames of so many bytes. */
async function answer(stream: ServerHttp2Stream, frameBytes: number): Promise<void> {
  stream.respond(grpc, { waitForTrailers: true });
  stream.on('wantTrailers', () => { stream.sendTrailers({ 'grpc-message': 'grpc-status: 3', 'grpc-status': '0' }); });
  const bytes = Buffer.concat([message(0), message(300), message(20)]);
  for (let at = 0; at < bytes.length; at += frameBytes) {
    stream.write(bytes.subarray(at, at + frameBytes));
    if (frameBytes < 100) await new Promise((resolve) => { setTimeout(resolve, 1); });
  }
  stream.end();
}

for (const kind of kinds) t.test(kind, async (t) => {
  const upstream = await Http2Upstream.start(await freePort());
  upstream.serve = ({ stream, headers }) => {
    if (headers[':path'] === '/s.Greeter/Frames') void answer(stream, 7);
    else if (headers[':path'] === '/s.Greeter/Only')
      stream.respond({ ...grpc, 'grpc-status': '12' }, { endStream: true });
    else stream.resume().on('end', () => { void answer(stream, 1000); });
  };
  const port = await freePort(), adminPort = await freePort();
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [{ name: 'main', port,
    routes: [{ match: { prefix: '/late' }, route: { cluster: 'nobody' } }, routeTo('a')], manager: {
      codec_type: 'HTTP2', http_filters: [
        { name: 'stats', typed_config: { '@type': `${TYPES}grpc_stats.v3.FilterConfig`, stats_for_all_methods: true,
          enable_upstream_stats: true } },
        { name: 'router', typed_config: { '@type': `${TYPES}router.v3.Router` } }] } }],
  [{ name: 'a', ports: [upstream.port], fields: speaksHttp2() as Record<string, unknown> },
    { name: 'nobody', ports: [], fields: speaksHttp2() as Record<string, unknown> }]));
  const client = await Http2Client.open(port);
  t.teardown(async () => { client.close(); await proxy.stop(); await upstream.stop(); });
  const ask = (path: string, body: Buffer) =>
    client.ask({ ':method': 'POST', ':path': path, ...grpc, te: 'trailers' }, body);
  /** `name: value` of what a method counted. */
  const counted = async (method: string, wanted: number): Promise<string[]> => {
    for (let tries = 0; ; tries++) {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/stats?filter=^cluster.*${method}`)).text();
      const lines = text.trim().split('\n').filter((line) => !line.includes('upstream_rq_time'))
        .map((line) => line.replace(/^cluster\./, '')).sort();
      if (lines.length >= wanted || tries > 150) return lines;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  };

  await t.test('messages in many frames, a status in trailers', async (t) => {
    await ask('/s.Greeter/Frames', Buffer.concat([message(10), message(0)]));
    t.same(await counted('Frames', 5), ['a.grpc.s.Greeter.Frames.0: 1',
      'a.grpc.s.Greeter.Frames.request_message_count: 2', 'a.grpc.s.Greeter.Frames.response_message_count: 3',
      'a.grpc.s.Greeter.Frames.success: 1', 'a.grpc.s.Greeter.Frames.total: 1']);
  });
  await t.test('an answer that is only trailers', async (t) => {
    await ask('/s.Greeter/Only', message(1));
    t.same(await counted('Only', 4), ['a.grpc.s.Greeter.Only.12: 1', 'a.grpc.s.Greeter.Only.failure: 1',
      'a.grpc.s.Greeter.Only.request_message_count: 1', 'a.grpc.s.Greeter.Only.total: 1']);
  });
  await t.test('an answer of the proxy', async (t) => {
    await ask('/late.Service/Nobody', message(1));
    t.match(await counted('Nobody', 3), [/^nobody.grpc.late.Service.Nobody.14: 1/,
      /^nobody.grpc.late.Service.Nobody.failure: 1/]);
  });
  await t.test('calls at a time, each counted once', async (t) => {
    await Promise.all(Array.from({ length: 200 }, () => ask('/s.Greeter/Many', message(100_000))));
    t.same(await counted('Many', 5), ['a.grpc.s.Greeter.Many.0: 200',
      'a.grpc.s.Greeter.Many.request_message_count: 200', 'a.grpc.s.Greeter.Many.response_message_count: 600',
      'a.grpc.s.Greeter.Many.success: 200', 'a.grpc.s.Greeter.Many.total: 200']);
  });
  await t.test('in Prometheus', async (t) => {
    const text = await (await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus?filter=Many.success`)).text();
    t.match(text, 'envoy_cluster_grpc_Many_success{envoy_grpc_bridge_method="Greeter",envoy_grpc_bridge_service="s",'
      + 'envoy_cluster_name="a"} 200');
    if (kind === 'envoy') return;                        // it tells of histograms every five seconds
    const times = await (await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus?filter=Many.upstream_rq`)).text();
    t.match(times, /^envoy_cluster_grpc_Many_upstream_rq_time_count\{[^}]*\} 200$/m);
  });
});
