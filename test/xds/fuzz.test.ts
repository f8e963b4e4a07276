// Mutated bootstraps never throw and never pass in silence: each is either good or has errors that name a place.
// The seed is printed; WEFT_FUZZ_SEED repeats a run and WEFT_FUZZ_ROUNDS lengthens it.
import t from 'tap';
import { bootstrap, cluster, compile, connectionManager, httpOptions, ipAddress, listener, typeUrl }
  from './examples.js';
import { compileBootstrap } from '../../src/xds/compile/bootstrap.js';

const seed = Number(process.env.WEFT_FUZZ_SEED ?? Date.now() % 1_000_000);
const rounds = Number(process.env.WEFT_FUZZ_ROUNDS ?? 500);

/** mulberry32 */
function random(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}

const base = bootstrap(
  [listener({}, connectionManager({ common_http_protocol_options: { idle_timeout: '1s', max_headers_count: 9 },
  upgrade_configs: [{ upgrade_type: 'websocket' }], access_log: [{ name: 'a', typed_config: { '@type':
    typeUrl('envoy.extensions.access_loggers.file.v3.FileAccessLog'), path: '/dev/null',
      log_format: { json_format: { a: '%PROTOCOL%' } } } }],
  route_config: { request_headers_to_add: [{ header: { key: 'a', value: 'b' } }],
    virtual_hosts: [{ name: 'v', domains: ['*', 'a.*'], routes: [
    { match: { prefix: '/', headers: [{ name: 'h', range_match: { start: '1', end: '2' } }] },
      route: { weighted_clusters: { clusters: [{ name: 'backend', weight: 1 }] } } },
    { match: { path: '/x' }, redirect: { https_redirect: true } },
      { match: { connect_matcher: {} }, direct_response: { status: 200 } }] }] } }))],
[cluster({ circuit_breakers: { thresholds: [{ max_requests: 1 }] },
  typed_extension_protocol_options: { [httpOptions]: { '@type': typeUrl(httpOptions),
  explicit_http_config: { http_protocol_options: {} } } } })],
    { admin: { address: ipAddress(21001) }, node: { metadata: { a: [1] } } });

const odd: unknown[] = [null, true, 0, -1, 1.5, 1e300, '', 'x', '\u0000', '1s', '-5s', [], {}, [null], { '@type': 5 },
  { '@type': 'a/b.C' },
  { __proto__: null, value: {} }, '9'.repeat(30), ['a', 'a'], { constructor: 1, toString: {} }];

function mutate(value: unknown, next: () => number): unknown {
  if (next() < 0.02) return odd[Math.floor(next() * odd.length)];
  if (Array.isArray(value)) {
    const copy = value.map((item) => mutate(item, next));
    if (next() < 0.03 && copy.length > 0) copy.push(copy[0]);
    if (next() < 0.02) copy.pop();
    return copy;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    const roll = next();
    if (roll < 0.01) return [];
    if (roll < 0.02) return [[key, mutate(item, next)], [`${key}_x`, item]];
    if (roll < 0.03) return [[['__proto__', 'constructor', 'name', 'toString'][Math.floor(next() * 4)], item]];
    return [[key, mutate(item, next)]];
  });
  return Object.fromEntries(entries);
}

t.test('mutated trees', async (t) => {
  t.comment(`seed ${seed}`);
  const next = random(seed);
  let good = 0;
  for (let round = 0; round < rounds; round++) {
    const tree = mutate(base, next);
    try {
      const result = compile(tree);
      if (result.ok) good++;
      else if (result.errors.length === 0
        || result.errors.some((line) => !/^--config-yaml: /.test(line))) t.fail(JSON.stringify(result.errors));
    } catch (error) {
      t.fail(`seed ${seed} round ${round}: ${(error as Error).stack}\n${JSON.stringify(tree)}`);
      break;
    }
  }
  t.ok(good < rounds, 'some are refused');
});

t.test('mutated text', async (t) => {
  const next = random(seed + 1);
  const text = JSON.stringify(base);
  for (let round = 0; round < rounds / 10; round++) {
    const at = Math.floor(next() * text.length);
    const cut = text.slice(0, at) + String.fromCharCode(Math.floor(next() * 128)) +
      text.slice(at + Math.floor(next() * 4));
    try {
      compileBootstrap({ configPath: null, configYaml: cut, allowUnknownFields: next() < 0.5 });
    } catch (error) {
      t.fail(`seed ${seed} round ${round}: ${(error as Error).stack}\n${cut}`);
      break;
    }
  }
  t.pass('none threw');
});
