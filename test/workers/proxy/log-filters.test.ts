// Access-log filters and log moments, local reply mappers and the rarer commands, through the whole engine.
import t from 'tap';
import type { AccessLogFilter, HttpConnectionManager, RouteConfig } from '../../../src/config/types.js';
import { Exchange } from '../../sim/exchange.js';

const log = (filter: AccessLogFilter | null, format = '%RESPONSE_CODE% %ACCESS_LOG_TYPE%\n') =>
  ({ sink: { kind: 'stdout' as const }, filter, format: { kind: 'text' as const, format, omitEmptyValues: false } });
const lines = (filter: AccessLogFilter, headers = ''): string[] =>
  new Exchange({ hcm: { accessLogs: [log(filter)] } }).get('/', headers).lines;
const value = (defaultValue: number) => ({ runtimeKey: '', defaultValue });
const header = (name: string, match: Extract<AccessLogFilter, { kind: 'header' }>['matcher']['match'],
  invert = false): AccessLogFilter =>
  ({ kind: 'header', matcher: { name, match, invert, treatMissingAsEmpty: false } });

const cases: [string, AccessLogFilter, boolean][] = [
  ['status 200 is 200', { kind: 'statusCode', comparison: 'eq', value: value(200) }, true],
  ['status 200 is not 500 or more', { kind: 'statusCode', comparison: 'ge', value: value(500) }, false],
  ['status 200 is 399 or less', { kind: 'statusCode', comparison: 'le', value: value(399) }, true],
  ['no request takes an hour', { kind: 'duration', comparison: 'ge', value: value(3_600_000) }, false],
  ['it is no health check', { kind: 'notHealthCheck' }, true],
  ['no flag was set', { kind: 'responseFlag', flags: [] }, false],
  ['not one of these flags', { kind: 'responseFlag', flags: ['UH', 'NR'] }, false],
  ['what has no gRPC status is UNKNOWN', { kind: 'grpcStatus', statuses: [2], exclude: false }, true],
  ['UNKNOWN is excluded', { kind: 'grpcStatus', statuses: [2], exclude: true }, false],
  ['the end is logged', { kind: 'logType', types: ['DownstreamEnd'], exclude: false }, true],
  ['the end is excluded', { kind: 'logType', types: ['DownstreamEnd'], exclude: true }, false],
  ['none of a share', { kind: 'runtime', fraction: { runtimeKey: '', numerator: 0, denominator: 100 },
    independentRandomness: true }, false],
  ['all of a share', { kind: 'runtime', fraction: { runtimeKey: '', numerator: 100, denominator: 100 },
    independentRandomness: false }, true],
  ['and: one fails', { kind: 'and', filters: [{ kind: 'notHealthCheck' }, { kind: 'responseFlag', flags: [] }] },
    false],
  ['or: one holds', { kind: 'or', filters: [{ kind: 'notHealthCheck' }, { kind: 'responseFlag', flags: [] }] }, true],
  ['exact header', header('x-a', { kind: 'exact', value: 'Abc-12', ignoreCase: false }), true],
  ['exact header without case', header('x-a', { kind: 'exact', value: 'aBC-12', ignoreCase: true }), true],
  ['header prefix', header('x-a', { kind: 'prefix', value: 'Abc', ignoreCase: false }), true],
  ['header suffix', header('x-a', { kind: 'suffix', value: '-13', ignoreCase: false }), false],
  ['header contains', header('x-a', { kind: 'contains', value: 'c-1', ignoreCase: false }), true],
  ['header expression', header('x-a', { kind: 'regex', value: 'A.*\\d+' }), true],
  ['header range', header('x-n', { kind: 'range', start: -5, end: 5 }), true],
  ['header out of range', header('x-n', { kind: 'range', start: -5, end: -3 }), false],
  ['header present', header('x-a', { kind: 'present', present: true }), true],
  ['header absent, inverted', header('x-b', { kind: 'present', present: true }, true), true],
  ['missing header, inverted', header('x-b', { kind: 'exact', value: 'a', ignoreCase: false }, true), false],
  ['pseudo header', header(':method', { kind: 'exact', value: 'GET', ignoreCase: false }), true],
];
for (const [name, filter, wanted] of cases) {
  t.test(name, async (t) => {
    t.same(lines(filter, 'X-A: Abc-12\r\nX-N: -3\r\n'), wanted ? ['200 DownstreamEnd\n'] : []);
  });
}

t.test('a share by request id: all proxies of one request decide alike', async (t) => {
  const filter: AccessLogFilter = { kind: 'runtime', independentRandomness: false,
    fraction: { runtimeKey: '', numerator: 50, denominator: 100 } };
  const keep = { preserveExternalRequestId: true, generateRequestId: true, accessLogs: [log(filter)] };
  const exchange = new Exchange({ hcm: keep });
  // 0x00000010 % 100 = 16, 0x0000005f % 100 = 95
  t.equal(exchange.get('/', 'x-request-id: 00000010-1111-4111-8111-111111111111\r\n').lines.length, 1);
  t.equal(exchange.get('/', 'x-request-id: 0000005f-1111-4111-8111-111111111111\r\n').lines.length, 0);
});

t.test('a request is logged when it begins, if asked', async (t) => {
  const exchange = new Exchange({ hcm: { accessLogs: [log(null, '%ACCESS_LOG_TYPE% %REQ(:PATH)% %RESPONSE_CODE%\n')],
    accessLogOptions: { flushIntervalMs: 0, onNewRequest: true, onTunnelEstablished: false } } });
  t.same(exchange.get('/a').lines, ['DownstreamStart /a 0\n', 'DownstreamEnd /a 200\n']);
});

t.test('a request in progress is logged now and again, if asked', async (t) => {
  const exchange = new Exchange({ hcm: { accessLogs: [log(null, '%ACCESS_LOG_TYPE%\n')],
    accessLogOptions: { flushIntervalMs: 20, onNewRequest: false, onTunnelEstablished: false } } });
  const { lines } = exchange.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n', '');
  t.same(lines.slice(0, 2), ['DownstreamPeriodic\n', 'DownstreamPeriodic\n'], 'at 20 and 40 ms');
});

const none = { add: [], remove: [] };
const direct = (status: number, body: string) => (config: RouteConfig): void => {
  config.virtualHosts[0]!.routes[0]!.action = { kind: 'directResponse', status, body };
};
const text = (format: string, contentType = 'text/plain') =>
  ({ format: { kind: 'text' as const, format, omitEmptyValues: false }, contentType });
const replied = (localReply: HttpConnectionManager['localReply'], status = 404): string =>
  new Exchange({ hcm: { localReply }, routes: direct(status, 'gone') }).get('/x').client;

t.test('local replies: the first mapper that matches changes status, body and headers', async (t) => {
  const mapper = (status: number, to: number, body: string | null) => ({ status: to, body, format: null,
    filter: { kind: 'statusCode' as const, comparison: 'eq' as const, value: value(status) },
    headers: { add: [{ name: 'x-was', spelling: 'x-was', value: `${status}`,
      action: 'append' as const, keepEmptyValue: false }],
      remove: [] } });
  const config = { format: null, mappers: [mapper(500, 501, null), mapper(404, 410, 'no'), mapper(404, 411, 'never')] };
  const answer = replied(config);
  t.match(answer, /^HTTP\/1.1 410 Gone\r\n/);
  t.match(answer, /\r\nx-was: 404\r\n/);
  t.match(answer, /\r\ncontent-length: 2\r\n/);
  t.match(answer, /\r\n\r\nno$/);
  t.match(replied(config, 200), /^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\ngone$/, 'without a match nothing changes');
});

t.test('local replies: formats, JSON with its content type', async (t) => {
  t.match(replied({ mappers: [], format: text('<%RESPONSE_CODE%> %LOCAL_REPLY_BODY% %REQ(:PATH)%', 'text/html') }),
    /\r\ncontent-type: text\/html\r\n[^]*\r\n\r\n<404> gone \/x$/);
  const json = { format: { kind: 'json' as const, omitEmptyValues: false,
    fields: { body: '%LOCAL_REPLY_BODY%', code: '%RESPONSE_CODE%' } }, contentType: 'application/json' };
  t.match(replied({ mappers: [], format: json }),
    /\r\ncontent-type: application\/json\r\n[^]*\r\n\r\n\{"body":"gone","code":404\}\n$/);
  const override = { filter: { kind: 'notHealthCheck' as const }, status: null, body: null, headers: none,
    format: text('override') };
  t.match(replied({ mappers: [override], format: text('default') }), /\r\n\r\noverride$/, "a mapper's format is first");
});
