import t from 'tap';
import { compileFilter, compileFullMatch, prefixTest } from '../../src/admin/filter.js';
import { Query } from '../../src/admin/query.js';

t.test('a filter is found anywhere in the name, a full match is not', async (t) => {
  t.equal((await compileFilter('b+'))('abbc'), true);
  t.equal((await compileFullMatch('b+'))('abbc'), false);
  t.equal((await compileFullMatch('a|bb'))('bb'), true);
});

t.test('an expression that makes backtracking engines hang ends', async (t) => {
  const matches = await compileFilter('^(a+)+$');
  t.equal(matches(`${'a'.repeat(5000)}b`), false);
});

t.test('beginnings that cannot match are known for the expressions that agents send', async (t) => {
  const cases: [string, string, boolean][] = [
    ['^a[(]|[)]', 'cluster.', true],
    ['^a(b|c)|cluster', 'cluster.', true],
    ['^a(b|c)d', 'cluster.', false],
    ['^(cluster_manager\\.cds|listener_manager\\.lds)\\.(update_success|update_rejected)$', 'cluster.', false],
    ['^(cluster_manager\\.cds|listener_manager\\.lds)\\.(update_success|update_rejected)$', 'listener.', false],
    ['^(server\\.state|listener_manager\\.workers_started)', 'cluster.', false],
    ['^server.state$', 'cluster.', false],
    ['^cluster', 'cluster.', true],
    ['^cl', 'cluster.', true],
    ['^cluster\\.a\\.', 'cluster.', true],
    ['^cluster\\.a\\.', 'cluster.b.', false],
    ['downstream_cx_active$', 'listener.', true],
    ['^(server)?cluster', 'cluster.', true],
    ['^server|cluster', 'cluster.', true],
    ['^s*cluster', 'cluster.', true],
    ['^[sc]', 'cluster.', true],
    ['^((a|c)|b)', 'cluster.', true],
    ['^server{0,1}', 'serve', true],
    ['', 'cluster.', true],
    ['^(?i)CLUSTER', 'cluster.', true],
    ['^\\w+', 'cluster.', true],
    ['^c\\.?l', 'cluster.', true],
    ['^(a|)x', 'cluster.', true],
  ];
  for (const [expression, prefix, expected] of cases)
    t.equal(prefixTest(expression)(prefix), expected, `${expression} ${prefix}`);
});

t.test('queries', async (t) => {
  const query = new Query('usedonly&filter=a+b%5C.%24&bad=%zz&filter=second&=x');
  t.equal(query.has('usedonly'), true);
  t.equal(query.get('filter'), 'a+b\\.$');
  t.equal(query.get('bad'), '%zz');
  t.equal(query.get('none'), null);
});
