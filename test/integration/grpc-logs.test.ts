// What logs tell of a gRPC call: its status stands in trailers, in the head where the answer is only trailers, or is
// what the HTTP status stands for. Asked the same way of Envoy (WEFT_TEST_KINDS=envoy).
import { readFileSync } from 'node:fs';
import type { ServerHttp2Stream } from 'node:http2';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';

const kinds = process.env.WEFT_TEST_KINDS === undefined ? weftKinds
  : process.env.WEFT_TEST_KINDS.split(',') as ProxyKind[];
const type = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const file = (path: string, text: string, filter?: object) => ({ name: 'file', ...(filter !== undefined && { filter }),
  typed_config: { '@type': type, path, log_format: { text_format_source: { inline_string: `${text}\n` } } } });
const grpc = { 'content-type': 'application/grpc' };

/** By path: the status in trailers, in the head, nowhere, or with a HTTP status that is no success. */
function serve(stream: ServerHttp2Stream, path: string): void {
  if (path === '/only') { stream.respond({ ...grpc, 'grpc-status': '12' }, { endStream: true }); return; }
  if (path === '/refused') { stream.respond({ ':status': 503, ...grpc }, { endStream: true }); return; }
  if (path === '/none') { stream.respond(grpc); stream.end('body'); return; }
  stream.respond(grpc, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': path.slice(1), 'x-last': `of ${path}` });
  });
  stream.end('body');
}

for (const kind of kinds) t.test(kind, async (t) => {
  const upstream = await Http2Upstream.start(await freePort());
  upstream.serve = ({ stream, headers }) => { serve(stream, headers[':path']!); };
  const port = await freePort(), adminPort = await freePort();
  const logs: { [name: string]: string } = {};
  const proxy = await Proxy.start(kind, adminPort, (folder) => {
    for (const name of ['all', 'bad']) logs[name] = `${folder}/${name}.log`;
    return bootstrap(adminPort, [{ name: 'main', port, routes: [routeTo('a')], manager: { codec_type: 'HTTP2',
      access_log: [
        file(logs.all!, '%REQ(:PATH)% %GRPC_STATUS% %GRPC_STATUS_NUMBER% %TRAILER(x-last)% %RESP(x-last)%'),
        file(logs.bad!, '%REQ(:PATH)%', { grpc_status_filter: { statuses: ['UNAVAILABLE', 'INTERNAL'] } })] } }],
    [{ name: 'a', ports: [upstream.port], fields: speaksHttp2() as Record<string, unknown> }]);
  });
  const client = await Http2Client.open(port);
  t.teardown(async () => { client.close(); await proxy.stop(); await upstream.stop(); });
  const lines = async (name: string, count: number): Promise<string[]> => {
    for (let tries = 0; ; tries++) {
      const found = readFileSync(logs[name]!, 'utf8').trim().split('\n').filter(Boolean);
      if (found.length >= count || tries > 250) return found;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  };

  for (const path of ['/0', '/13', '/only', '/none', '/refused'])
    await client.ask({ ':method': 'POST', ':path': path, ...grpc, te: 'trailers' }, 'question');
  t.same(await lines('all', 5), ['/0 OK 0 of /0 -', '/13 Internal 13 of /13 -', '/only Unimplemented 12 - -',
    '/none Unknown 2 - -', '/refused Unavailable 14 - -']);
  t.same(await lines('bad', 2), ['/13', '/refused']);
});
