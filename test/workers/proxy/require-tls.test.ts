// A virtual host that requires TLS: plain requests are sent to https, unless the edge in front says that it had TLS.
import t from 'tap';
import type { RouteConfig } from '../../../src/config/types.js';
import { Exchange } from '../../sim/exchange.js';

const requiring = (requireTls: 'external' | 'all') => new Exchange({
  routes: (config: RouteConfig) => { config.virtualHosts[0]!.requireTls = requireTls; },
  log: '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n',
});

for (const kind of ['external', 'all'] as const) {
  t.test(`require_tls ${kind}: a plain request is redirected and never reaches the upstream`, (t) => {
    const { client, upstream, lines } = requiring(kind).get('/path?query=1', '');
    t.match(client, /^HTTP\/1\.1 301 Moved Permanently\r\n/);
    t.match(client, /\r\nlocation: https:\/\/[^/\r]+\/path\?query=1\r\n/);
    t.equal(upstream, '');
    t.same(lines.map((line) => line.trim()), ['301 direct_response']);
    t.end();
  });
  t.test(`require_tls ${kind}: x-forwarded-proto https passes`, (t) => {
    t.match(requiring(kind).get('/path', 'x-forwarded-proto: https\r\n').client, /^HTTP\/1\.1 200 OK\r\n/);
    t.end();
  });
}
