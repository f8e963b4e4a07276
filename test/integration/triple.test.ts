// Dubbo's Triple is gRPC: what it says in headers and trailers, and its two wrapper messages, pass as they are; what
// Weft answers itself a consumer takes for its provider's.
import t from 'tap';
import { bootstrap } from '../support/bootstrap.js';
import { Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';

const kinds = process.env.WEFT_TEST_KINDS === undefined ? weftKinds
  : process.env.WEFT_TEST_KINDS.split(',') as ProxyKind[];
const field = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
const text = (number: number, value: string): Buffer => field(number, Buffer.from(value));
const framed = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};
/** TripleRequestWrapper and TripleResponseWrapper of services without an IDL, with hessian inside. */
const request = framed(Buffer.concat([text(1, 'hessian4'), field(2, Buffer.from('0577 6f72 6c64'.replaceAll(' ', ''),
  'hex')), text(3, 'java.lang.String')]));
const response = framed(Buffer.concat([text(1, 'hessian4'), field(2, Buffer.from('026869', 'hex')),
  text(3, 'java.lang.String')]));
const consumer = { ':method': 'POST', 'content-type': 'application/grpc+proto', te: 'trailers',
  'tri-service-version': '2.0.0', 'tri-service-group': 'green', 'tri-consumer-appname': 'shop',
  'tri-service-timeout': '3000', 'tri-header-convert': '%7B%22userid%22%3A%22userId%22%7D', userid: '7',
  'token-bin': 'AAEC_w', 'grpc-accept-encoding': 'gzip', traceparent:
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

for (const kind of kinds) t.test(kind, async (t) => {
  const provider = await Http2Upstream.start(await freePort());
  const bodies: Buffer[] = [];
  provider.serve = ({ stream, headers }) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => {
      bodies.push(Buffer.concat(pieces));
      const fails = headers[':path']!.endsWith('/fail');
      stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto', 'tri-protocol-version': '1' },
        { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers(fails ? { 'grpc-status': '2', 'grpc-message': 'no%20such%20user', 'tri-exception-code': '3',
          'grpc-status-details-bin': 'CAISBGphdmE' } : { 'grpc-status': '0', 'grpc-message': 'OK' });
      });
      stream.end(fails ? Buffer.alloc(0) : response);
    });
  };
  const port = await freePort(), adminPort = await freePort();
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [{ name: 'main', port, routes: [
    { match: { path: '/org.apache.demo.Greeter/greet', headers: [{ name: 'tri-service-group',
      string_match: { exact: 'green' } }] }, route: { cluster: 'a', max_grpc_timeout: '0s' } },
    { match: { prefix: '/org.apache.demo.Greeter/', grpc: {} }, route: { cluster: 'a' } },
    { match: { prefix: '/org.apache.demo.Lost/' }, route: { cluster: 'nobody' } }],
  manager: { codec_type: 'AUTO' } }], [{ name: 'a', ports: [provider.port],
    fields: speaksHttp2() as Record<string, unknown> }, { name: 'nobody', ports: [] }]));
  const client = await Http2Client.open(port);
  t.teardown(async () => { client.close(); await proxy.stop(); await provider.stop(); });
  const call = (path: string) => client.ask({ ...consumer, ':path': path }, request);

  await t.test('a call and its answer', async (t) => {
    const { status, headers, trailers, body } = await call('/org.apache.demo.Greeter/greet');
    const seen = provider.requests.at(-1)!.headers;
    t.match(seen, consumer);
    t.same(bodies.at(-1), request);
    t.equal(status, 200);
    t.match(headers, { 'content-type': 'application/grpc+proto', 'tri-protocol-version': '1' });
    t.same(body, response);
    t.match(trailers, { 'grpc-status': '0', 'grpc-message': 'OK' });
  });
  await t.test('an exception', async (t) => {
    const { status, body, trailers } = await call('/org.apache.demo.Greeter/fail');
    t.same([status, body.length], [200, 0]);
    t.match(trailers, { 'grpc-status': '2', 'grpc-message': 'no%20such%20user', 'tri-exception-code': '3',
      'grpc-status-details-bin': 'CAISBGphdmE' });
  });
  await t.test('nobody serves it: unimplemented without a route, unavailable without a provider', async (t) => {
    for (const [path, code] of [['/org.apache.demo.Other/x', '12'], ['/org.apache.demo.Lost/x', '14']] as const) {
      const { status, headers } = await call(path);
      t.equal(status, 200);
      t.match(headers, { 'content-type': 'application/grpc', 'grpc-status': code });
    }
  });
});
