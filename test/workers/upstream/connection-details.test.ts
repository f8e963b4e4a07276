// Pieces of what connections to endpoints do, by themselves: PROXY headers, the order of addresses, what outlier
// detection counts up to its limit.
import t from 'tap';
import type { IpAddress } from '../../../src/config/types.js';
import { Runtime } from '../../../src/config/runtime-cells.js';
import { limits } from '../../../src/core/limits.js';
import { EndpointState } from '../../../src/core/memory-map.js';
import type { Engine } from '../../../src/workers/engine.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { inTurn } from '../../../src/workers/upstream/endpoint.js';
import { Outliers } from '../../../src/workers/upstream/outliers.js';
import { writeProxyHeader } from '../../../src/workers/upstream/proxy-header.js';
import type { OutlierDetection } from '../../../src/config/health.js';

const ip = (host: string, port = 80): IpAddress => ({ kind: 'ip', host, port, ipv4Compat: false });

t.test('PROXY headers', async (t) => {
  const u8 = new Uint8Array(256);
  const engine = { u8, writeText: (at: number, text: string) => Buffer.from(u8.buffer).write(text, at, 'latin1') } as
    unknown as Engine;
  const header = (version: 1 | 2, ...ends: [IpAddress | null, IpAddress | null]) =>
    Buffer.from(u8.subarray(8, 8 + writeProxyHeader(engine, 8, version, ...ends)));
  const signature = '0d0a0d0a000d0a515549540a';
  t.equal(header(1, ip('10.0.0.1', 1000), ip('10.0.0.2', 2000)).toString(),
    'PROXY TCP4 10.0.0.1 10.0.0.2 1000 2000\r\n');
  t.equal(header(1, ip('::1', 1000), ip('fe80::2', 2000)).toString(), 'PROXY TCP6 ::1 fe80::2 1000 2000\r\n');
  t.equal(header(1, ip('::1'), ip('10.0.0.2')).toString(), 'PROXY UNKNOWN\r\n', 'two families');
  t.equal(header(1, null, null).toString(), 'PROXY UNKNOWN\r\n');
  t.equal(header(2, ip('10.0.0.1', 1000), ip('10.0.0.2', 65_535)).toString('hex'),
    `${signature}2111000c0a0000010a00000203e8ffff`);
  t.equal(header(2, ip('2001:db8::1:2', 1), ip('::ffff:10.0.0.2', 2)).toString('hex'),
    `${signature}21210024${'20010db8000000000000000000010002'}${'00000000000000000000ffff0a000002'}00010002`);
  t.equal(header(2, null, null).toString('hex'), `${signature}20000000`);
});

t.test('addresses of both families in turn', async (t) => {
  const hosts = (addresses: readonly string[], firstFamily: 'asGiven' | 'v4' | 'v6', firstCount = 1) =>
    inTurn(addresses.map((host) => ip(host)), { firstFamily, firstCount }).map((address) =>
      address.kind === 'ip' ? address.host : '');
  const mixed = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '::1', '::2'];
  t.same(hosts(mixed, 'asGiven'), ['10.0.0.1', '::1', '10.0.0.2', '::2', '10.0.0.3']);
  t.same(hosts(mixed, 'v6'), ['::1', '10.0.0.1', '::2', '10.0.0.2', '10.0.0.3']);
  t.same(hosts(mixed, 'v4', 2), ['10.0.0.1', '10.0.0.2', '::1', '10.0.0.3', '::2']);
  t.same(hosts(['10.0.0.1'], 'v6'), ['10.0.0.1']);
});

t.test('what outlier detection counts', async (t) => {
  const i32 = new Int32Array(new SharedArrayBuffer(64));
  const asked: unknown[] = [];
  const runtime = new Runtime();
  const engine = { i32, runtime, post: (message: unknown) => asked.push(message) } as unknown as Engine;
  const endpoint = { state: 0, stateIndex: 0 } as Endpoint;
  const outliers = (splitLocalErrors: boolean) => new Outliers(engine, 7, { splitLocalErrors, consecutive5xx: 2,
    consecutiveGatewayFailures: 3, consecutiveLocalFailures: 2 } as OutlierDetection);
  const halves = (word: number) => [i32[word]! & 0xffff, i32[word]! >>> 16];

  t.test('runs', async (t) => {
    const one = outliers(false);
    one.answered(endpoint, 500);
    one.answered(endpoint, 200);
    one.answered(endpoint, 503);
    t.same(asked, []);
    one.failed(endpoint, true);
    one.failed(endpoint, false);
    t.same(asked, [{ kind: 'outlier', cluster: 7, state: 0, ejection: 'CONSECUTIVE_5XX' },
      { kind: 'outlier', cluster: 7, state: 0, ejection: 'CONSECUTIVE_GATEWAY_FAILURE' }], 'once each');
    t.same([halves(EndpointState.intervalRequests), halves(EndpointState.intervalSuccesses)], [[5, 0], [1, 0]]);
  });

  t.test('the runtime may say how long a run is', async (t) => {
    i32.fill(0);
    asked.length = 0;
    const one = outliers(false);
    runtime.set([['outlier_detection.consecutive_5xx', { text: '3', fraction: null }]]);
    one.answered(endpoint, 500);
    one.answered(endpoint, 500);
    t.same(asked, []);
    one.answered(endpoint, 500);
    t.equal(asked.length, 1);
    runtime.set([]);
  });

  t.test('apart, and up to the limit', async (t) => {
    i32.fill(0);
    asked.length = 0;
    const apart = outliers(true);
    for (let i = 0; i < limits.outlierRequestsMax + 10; i++) apart.answered(endpoint, 200);
    apart.failed(endpoint, false);
    apart.connected(endpoint);
    apart.failed(endpoint, false);
    t.same(asked, []);
    t.same([halves(EndpointState.intervalRequests), halves(EndpointState.intervalSuccesses)],
      [[limits.outlierRequestsMax, 3], [limits.outlierRequestsMax, 1]], 'one half does not run into the other');
    apart.failed(endpoint, false);
    t.same(asked, [{ kind: 'outlier', cluster: 7, state: 0, ejection: 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE' }]);
  });
});
