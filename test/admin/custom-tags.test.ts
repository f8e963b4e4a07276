// Labels of stats_config.stats_tags on Prometheus metrics.
import t from 'tap';
import { CustomTags } from '../../src/admin/stats/custom-tags.js';

t.test('an expression takes a part of the name out and makes it a label', async (t) => {
  const tags = new CustomTags([{ name: 'app', kind: 'regex', pattern: 'upstream_((rq)_)total' }]);
  t.same(tags.apply('cluster.a.upstream_rq_total', 'cluster.upstream_rq_total', 'envoy_cluster_name="a"'),
    { dotted: 'cluster.upstream_total', labels: 'envoy_cluster_name="a",app="rq"' });
});

t.test('one group is both what is taken out and the value', async (t) => {
  const tags = new CustomTags([{ name: 'env.name', kind: 'regex', pattern: '^vhost[.](prod[.])' }]);
  t.same(tags.apply('vhost.prod.x', 'vhost.prod.x', ''), { dotted: 'vhost.x', labels: 'env_name="prod."' });
});

t.test('a part that the usual labels took out already is a label all the same', async (t) => {
  const tags = new CustomTags([{ name: 'zone', kind: 'regex', pattern: '^cluster[.]((.+?)-).*' }]);
  t.same(tags.apply('cluster.east-a.upstream_rq', 'cluster.upstream_rq', 'l="1"'),
    { dotted: 'cluster.upstream_rq', labels: 'l="1",zone="east"' });
});

t.test('a fixed value, and an expression that finds nothing', async (t) => {
  const tags = new CustomTags([{ name: 'fixed', kind: 'fixed', value: 'a "b"' },
    { name: 'none', kind: 'regex', pattern: '(nowhere)' }]);
  t.same(tags.apply('x.y', 'x.y', ''), { dotted: 'x.y', labels: 'fixed="a \\"b\\""' });
});
