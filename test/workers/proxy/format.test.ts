// Log formats through the whole engine: every command against what the exchange really was, JSON, cut lines, and
// a ring that is full.
import t from 'tap';
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
  ['%REQUEST_HEADERS_BYTES%', '37'],
  ['%RESPONSE_HEADERS_BYTES%', '47'],
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
  ['%STREAM_ID%', '1'],
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
  t.same(exchange.send('BAD\x01 / HTTP/1.1\r\n\r\n').lines, ['- - 400 http1.codec_error -\n']);
  t.end();
});
