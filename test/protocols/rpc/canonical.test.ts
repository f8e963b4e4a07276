// The judge of texts that users' codecs write: what our own codecs write is good, and nothing that means more to HTTP.
import t from 'tap';
import { RpcKind } from '../../../src/core/generated/layouts.js';
import { example } from '../../../src/protocols/example.js';
import { codecBuilds } from '../../support/wasm.js';
import { RpcCodec } from './codec.js';

const REQUEST = 'POST /shop/buy HTTP/1.1\r\nhost: shop\r\nx-service: shop\r\nx-method: buy\r\nweft-frame: 01aF\r\n'
  + 'Tenant: red\r\nweft-pair: 686f7374=-\r\nweft-pair: -=00\r\nweft-pair: 61=*00\r\ncontent-length: 4\r\n\r\n';
const RESPONSE = 'HTTP/1.1 404 \r\nx-class: C\r\nweft-frame: 00\r\na: \r\ncontent-length: 4\r\n\r\n';

for (const build of codecBuilds) {
  const codec = new RpcCodec(build, example);
  const request = (text: string): number => codec.isCanonical(text, RpcKind.request, 4);
  const response = (text: string): number => codec.isCanonical(text, RpcKind.response, 4);

  t.test(`${build}: what is canonical`, async (t) => {
    t.equal(request(REQUEST), 1);
    t.equal(request('POST /-/- HTTP/1.1\r\nhost: -\r\ncontent-length: 4\r\n\r\n'), 1);
    t.equal(codec.isCanonical(REQUEST, RpcKind.oneway, 4), 1);
    t.equal(response(RESPONSE), 1);
    t.equal(response('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n'), 1);
  });

  t.test(`${build}: what is not`, async (t) => {
    t.equal(response(REQUEST), 0);
    t.equal(request(RESPONSE), 0);
    t.equal(codec.isCanonical(REQUEST, RpcKind.request, 5), 0, 'another length of the body');
    for (let n = 0; n < REQUEST.length; n++) t.equal(request(REQUEST.slice(0, n)), 0, `${n} bytes`);
    t.equal(request(`${REQUEST} `), 0, 'something behind it');
    t.equal(request(REQUEST + REQUEST), 0);
    const bad: [string, string][] = [['POST', 'GET'], ['POST', 'post'], ['/shop', '//shop'], ['/buy', '/buy/more'],
      ['/buy', '/b?y'], ['/buy', '/'], ['shop/', `${'s'.repeat(256)}/`], ['HTTP/1.1', 'HTTP/1.0'], ['1.1\r', '1.1 \r'],
      ['host: shop', 'host: sh op'], ['host: shop', 'host: shop:80'], ['host: shop', 'host: shop\r\nHost: shop'],
      ['host: shop\r\n', ''], ['content-length: 4\r\n', ''],
      ['content-length: 4', 'content-length: 4\r\ncontent-length: 4'],
      ['content-length: 4', 'content-length: +4'], ['01aF', '01a'], ['01aF', '01ag'], ['=-', '=0'],
      ['=-', '=**'], ['=-', ''],
      ['x-service: shop', 'x-service: shop\r\nX-Service: other'],
      ['weft-frame: 01aF', 'weft-frame: 01\r\nweft-frame: 01'],
      ['Tenant: red', 'transfer-encoding: chunked'], ['Tenant: red', 'Connection: close'],
      ['Tenant: red', 'te: trailers'],
      ['Tenant: red', 'x-envoy-retry-on: 5xx'], ['Tenant: red', 'weft-other: 1'],
      ['Tenant: red', 'x-forwarded-for: 1.2.3.4'],
      ['Tenant: red', 'upgrade: h2c'], ['Tenant: red', 'Ten ant: red'], ['Tenant: red', ': red'],
      ['Tenant: red', 'Tenant'],
      ['Tenant: red', 'Tenant: r\0d'], ['Tenant: red', 'Tenant: r\rd'], ['Tenant: red', 'Tenant: r\nd'],
      ['Tenant: red', 'Tenant : red'], ['Tenant: red', ' folded']];
    for (const [what, instead] of bad) t.equal(request(REQUEST.replace(what, instead)), 0, JSON.stringify(instead));
    for (const status of ['100', '199', '600', '20', '2000', 'abc', '+20'])
      t.equal(response(RESPONSE.replace('404', status)), 0, status);
    t.equal(response(RESPONSE.replace('x-class', 'host')), 0);
  });
}
