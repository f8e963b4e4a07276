// Redirects that are followed, with and without filters that let requests wait: many in a row, so that what one leaves
// behind in a pooled object meets the next.
import t from 'tap';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { statusOf } from '../support/message.js';
import { withRouter } from '../differential/scenario.js';

const bodies: readonly (readonly [name: string, text: string, body: string])[] = [
  ['none', 'GET / HTTP/1.1\r\nhost: a.example\r\n\r\n', ''],
  ['short', 'POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello', 'hello'],
  ['long', `POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 40000\r\n\r\n${'x'.repeat(40_000)}`,
    'x'.repeat(40_000)],
  ['chunked', ['POST / HTTP/1.1', 'host: a.example', 'transfer-encoding: chunked', '', '5', 'hello', '6', ' world', '0',
    '', ''].join('\r\n'),
    'hello world'],
];
const routes = [
  { match: { prefix: '/there' }, route: { cluster: 'there' } },
  { match: { prefix: '/' }, route: { cluster: 'up', internal_redirect_policy: { max_internal_redirects: 2 } } },
];
const delay = { name: 'fault', type: 'fault.v3.HTTPFault', config: { delay: { fixed_delay: '0.005s',
  percentage: { numerator: 100 } } } };
const buffer = { name: 'buffer', type: 'buffer.v3.Buffer', config: { max_request_bytes: 100_000 } };

void forEachProxy(t, {
  upstreams: ['up', 'there'],
  listeners: [{ name: 'plain', routes }, { name: 'delayed', routes, manager: withRouter(delay) as never },
    { name: 'buffered', routes, manager: withRouter(buffer, delay) as never }],
}, async (t, { proxy, upstream, port }) => {
  const { up, there } = upstream;
  const redirect = (path: string): string =>
    `HTTP/1.1 302 Found\r\nlocation: http://b.example${path}\r\ncontent-length: 0\r\n\r\n`;
  for (const listener of ['plain', 'delayed', 'buffered']) {
    await t.test(listener, async (t) => {
      up.answer = ({ start }) => redirect(start.includes(' /again ') ? '/there' : '/again');
      for (let round = 0; round < 12; round++) {
        const [name, text, body] = bodies[(round * 3) % bodies.length];
        const client = await RawClient.open(port[listener]);
        client.send(text);
        t.equal(statusOf(await client.response()), 200, name);
        t.equal(there.requests.at(-1)!.body, body, name);
        t.equal(up.requests.at(-1)!.body, body, name);
        client.close();
      }
      const stats = await proxy.stats();
      t.equal(stats.get(`http.${listener}.downstream_rq_total`), 36);
      t.equal(stats.get(`http.${listener}.downstream_rq_active`), 0);
      t.equal(stats.get('cluster.up.upstream_rq_active'), 0);
    });
  }
});
