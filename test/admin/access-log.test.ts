import t from 'tap';
import { adminAccessLog } from '../../src/admin/access-log.js';
import type { AdminRequest } from '../../src/admin/server.js';
import type { AccessLog } from '../../src/config/types.js';
import type { LogSinks } from '../../src/telemetry/log-sinks.js';

const request: AdminRequest = {
  method: 'GET',
  path: '/stats?a',
  protocol: 'HTTP/1.1',
  status: 200,
  bytesSent: 12,
  startedMs: 0,
  durationMs: 3,
  remoteAddress: '127.0.0.1',
  headers: { host: 'localhost', 'user-agent': 'curl' },
};
function lines(format: AccessLog['format']): string[] {
  const out: string[] = [];
  const sinks = {
    sink: () => 4,
    append: (id: number, line: Uint8Array) => {
      out.push(`${id} ${Buffer.from(line)}`);
      return true;
    },
  };
  adminAccessLog([{ sink: { kind: 'stdout' }, format }], sinks as unknown as LogSinks)(request);
  return out;
}

t.test('the default format', async (t) => {
  t.same(lines({ kind: 'text', format: '', omitEmptyValues: false }), [
    '4 [1970-01-01T00:00:00.000Z] "GET /stats?a HTTP/1.1" 200 - 0 12 3 - "-" "curl" "-" "localhost" "-"\n',
  ]);
});

t.test('fallbacks, lengths and percent signs', async (t) => {
  t.same(lines({ kind: 'text', format: '%REQ(X-NONE?USER-AGENT):2% %% %UPSTREAM_HOST%|', omitEmptyValues: true }), [
    '4 cu % |',
  ]);
});

t.test('json keeps numbers as numbers and can leave out what is empty', async (t) => {
  const fields = { code: '%RESPONSE_CODE%', none: '%UPSTREAM_HOST%', inner: { text: 'a %PROTOCOL%' } };
  t.same(lines({ kind: 'json', fields, omitEmptyValues: true }), ['4 {"code":200,"inner":{"text":"a HTTP/1.1"}}\n']);
  t.match(lines({ kind: 'json', fields, omitEmptyValues: false })[0], '"none":"-"');
});
