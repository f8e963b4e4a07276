// Log formats through the whole engine: every command against what the exchange really was, JSON, cut lines, and
// a ring that is full.
import t from 'tap';
import { parseFormat } from '../../../src/telemetry/format.js';
import { limits } from '../../../src/core/limits.js';
import { Exchange } from '../../sim/exchange.js';

const line = (log: string | Record<string, unknown>, path = '/p?q=1', headers = ''): string =>
  new Exchange({ log }).get(path, headers).lines.join('');

const expected: [string, string | RegExp][] = [
  ['%PROTOCOL%', 'HTTP/1.1'],
  ['%UPSTREAM_PROTOCOL%', 'HTTP/1.1'],
  ['%RESPONSE_CODE%', '200'],
  ['%RESPONSE_CODE_DETAILS%', 'via_upstream'],
  ['%RESPONSE_FLAGS%', '-'],
  ['%RESPONSE_FLAGS_LONG%', '-'],
  ['%BYTES_RECEIVED%', '0'],
  ['%BYTES_SENT%', '2'],
  ['%DURATION%', /^\d+$/],
  ['%REQUEST_DURATION%', /^\d+$/],
  ['%RESPONSE_DURATION%', /^\d+$/],
  ['%RESPONSE_TX_DURATION%', /^\d+$/],
  ['%REQUEST_HEADERS_BYTES%', '114'],
  ['%RESPONSE_HEADERS_BYTES%', '104'],
  ['%UPSTREAM_HOST%', '127.0.0.1:80'],
  ['%UPSTREAM_HOST_NAME%', '127.0.0.1:80'],
  ['%UPSTREAM_CLUSTER%', 'one'],
  ['%UPSTREAM_REMOTE_ADDRESS%', '127.0.0.1:80'],
  ['%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '127.0.0.1'],
  ['%UPSTREAM_REMOTE_PORT%', '80'],
  ['%UPSTREAM_LOCAL_ADDRESS%', /^10\.9\.9\.9:\d+$/],
  ['%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '10.9.9.9'],
  ['%UPSTREAM_LOCAL_PORT%', /^\d+$/],
  ['%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '1'],
  ['%DOWNSTREAM_REMOTE_ADDRESS%', /^10\.1\.1\.1:\d+$/],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '10.1.1.1'],
  ['%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '10.1.1.1'],
  ['%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '10.9.9.9'],
  ['%ROUTE_NAME%', '-'],
  ['%CONNECTION_ID%', '1'],
  ['%STREAM_ID%', '-'],
  ['%HOSTNAME%', /^\S+$/],
  ['%REQUESTED_SERVER_NAME%', '-'],
  ['%UPSTREAM_TRANSPORT_FAILURE_REASON%', '-'],
  ['%REQ(:METHOD)%', 'GET'],
  ['%REQ(:PATH)%', '/p?q=1'],
  ['%REQ(:AUTHORITY)%', 'a.test'],
  ['%REQ(:PATH):2%', '/p'],
  ['%REQ(X-NONE?:METHOD)%', 'GET'],
  ['%REQ(X-NONE)%', '-'],
  ['%RESP(X-UP)%', '1'],
  ['%RESP(:STATUS)%', '200'],
  ['%RESP(X-NONE?CONTENT-LENGTH)%', '2'],
  ['100%%', '100%'],
  ['%START_TIME%', /^2023-11-14T22:13:2\d\.\d{3}Z$/],
  ['%START_TIME(%s)%', /^170000000\d$/],
  ['%PATH%', '/p?q=1'],
  ['%PATH(NQ)%', '/p'],
  ['%PATH(WQ:PATH):3%', '/p?'],
  ['%PATH(NQ:ORIG)%', '-'],
  ['%QUERY_PARAM(q)%', '1'],
  ['%QUERY_PARAM(r)%', '-'],
  ['%QUERY_PARAMS%', 'q=1'],
  ['%QUERY_PARAMS(DECODED):2%', 'q='],
  ['%REQ_WITHOUT_QUERY(X-NONE?:PATH)%', '/p'],
  ['%EMIT_TIME(%s)%', /^170000000\d$/],
  ['%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%', /^\d+$/],
  ['%COMMON_DURATION(US_CX_BEG:US_CX_END)%', /^\d+$/],
  ['%COMMON_DURATION(US_HS_END:DS_TX_END)%', '-'],
  ['%REQUEST_TX_DURATION%', /^\d+$/],
  ['%UPSTREAM_CONNECTION_POOL_READY_DURATION%', /^\d+$/],
  ['%UPSTREAM_CONNECTION_ID%', /^\d+$/],
  ['%UPSTREAM_HOST_NAME_WITHOUT_PORT%', '127.0.0.1'],
  ['%UPSTREAM_HOSTS_ATTEMPTED%', '127.0.0.1:80'],
  ['%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%', '127.0.0.1'],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(12)%', '10.0.0.0/12'],
  ['%DOWNSTREAM_WIRE_BYTES_RECEIVED%', '37'],
  ['%DOWNSTREAM_HEADER_BYTES_RECEIVED%', '13'],
  ['%UPSTREAM_HEADER_BYTES_RECEIVED%', '26'],
  ['%UPSTREAM_WIRE_BYTES_RECEIVED%', '49'],
  ['%UPSTREAM_HEADER_BYTES_SENT%', /^\d\d+$/],
  ['%DOWNSTREAM_HEADER_BYTES_SENT%', /^\d\d+$/],
  ['%BYTES_RETRANSMITTED%', '0'],
  ['%LISTENER_NAME%', 'main'],
  ['%FILTER_CHAIN_NAME%', '-'],
  ['%ACCESS_LOG_TYPE%', 'DownstreamEnd'],
  ['%UNIQUE_ID%', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ['%LOCAL_REPLY_BODY%', ''],
  ['%GRPC_STATUS%', '-'],
  ['%DYNAMIC_METADATA(a:b)%', '-'],
  ['%FILTER_STATE(a)%', '-'],
  ['%TRACE_ID%', '-'],
  ['%DOWNSTREAM_TLS_VERSION%', '-'],
  ['%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%', 'via_upstream'],
  ['%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":authority"}]})%', 'a.test'],
  ['%COALESCE({"operators": [{"command": "REQ", "param": "x-none"}]})%', '-'],
  ['%START_TIME(%Y/%m/%d %H:%M:%S.%3f)%', /^2023\/11\/14 22:13:2\d\.\d{3}$/],
];

t.test('every command', (t) => {
  for (const [format, wanted] of expected) {
    const text = line(`${format}\n`).slice(0, -1);
    if (typeof wanted === 'string') t.equal(text, wanted, format);
    else t.match(text, wanted, format);
  }
  t.end();
});

t.test('what is not a command, or not used as one, is refused', async (t) => {
  for (const format of ['%NONE%', '%REQ%', '%REQ(a?b?c)%', '%PROTOCOL(x)%', '%DURATION:3%', '%PATH(XX)%',
    '%PATH(WQ:NONE)%', '%QUERY_PARAMS(RAW)%', '%START_TIME(%Q)%', '%COMMON_DURATION(A:B)%', '%METADATA(NONE:a)%',
    '%COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)%', '%FILTER_STATE(a:FIELD)%', '%GRPC_STATUS(X)%', '%COALESCE({})%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%', '%REQ(a', '%', '%RESPONSE_CODE_DETAILS(X)%'])
    t.equal(parseFormat(format).ok, false, format);
});

t.test('metadata of cluster, route, virtual host and listener', async (t) => {
  const metadata = { 'a.b': { key: 'text', inner: { n: 1 } } };
  const seen = (log: string | Record<string, unknown>) => new Exchange({ log, routes: (config) => {
    config.virtualHosts[0]!.metadata = metadata;
    config.virtualHosts[0]!.routes[0]!.metadata = metadata;
  } }).get('/').lines.join('');
  t.equal(seen('%METADATA(ROUTE:a.b:key)% %METADATA(VIRTUAL_HOST:a.b:inner)% %METADATA(ROUTE:a.b:none)%\n'),
    'text {"n":1} -\n');
  t.same(JSON.parse(seen({ a: '%METADATA(ROUTE:a.b)%', b: '%METADATA(ROUTE:c)%' })), { a: metadata['a.b'], b: null });
});

t.test('JSON: numbers stay numbers, values are escaped, what is missing is null', (t) => {
  const text = line(
    {
      code: '%RESPONSE_CODE%',
      path: '%REQ(:PATH)%',
      none: '%REQ(X-NONE)%',
      mixed: 'a "%REQ(X-Q)%" %REQ(X-NONE)%',
      constant: 'c"',
      nested: { n: 1, b: true },
    },
    '/p',
    'X-Q: say "hi"\\\tnow\r\n',
  );
  t.equal(text.at(-1), '\n');
  t.same(JSON.parse(text), {
    code: 200,
    path: '/p',
    none: null,
    mixed: 'a "say "hi"\\\tnow" -',
    constant: 'c"',
    nested: { n: 1, b: true },
  });
  t.end();
});

t.test('a line that is too long is cut and still ends', (t) => {
  const exchange = new Exchange({ log: '%REQ(X-LONG)% %REQ(X-LONG)%\n' });
  const [text, next] = [
    exchange.get('/', `X-Long: ${'a'.repeat(12_000)}\r\n`).lines.join(''),
    exchange.get('/', 'X-Long: b\r\n').lines.join(''),
  ];
  t.equal(text.length, limits.logLineBytesMax);
  t.equal(text.at(-1), '\n');
  t.equal(next, 'b b\n');
  t.end();
});

t.test('a refused request is logged without a head that it does not have', (t) => {
  const exchange = new Exchange({
    log: '%REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %REQ(X-A)%\n',
  });
  exchange.get('/', 'X-A: first\r\n');
  t.same(exchange.send('BAD\x01 / HTTP/1.1\r\n\r\n').lines, ['- HTTP/1.1 400 http1.codec_error -\n']);
  t.end();
});
