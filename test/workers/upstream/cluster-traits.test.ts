// What requests ask of clusters: equal for clusters that differ in nothing that requests ask, and then one object.
import t from 'tap';
import { traitsOf } from '../../../src/workers/upstream/cluster-traits.js';
import { cluster } from '../../config/snapshot/fixtures.js';

t.test('clusters that differ in their names share their traits', async (t) => {
  t.equal(traitsOf(cluster('a')), traitsOf(cluster('b')));
});

t.test('clusters that differ in what a request asks do not', async (t) => {
  const usual = traitsOf(cluster('a'));
  const few = traitsOf(cluster('b', { maxRequestsPerConnection: 7 }));
  t.not(few, usual);
  t.equal(few.requestsPerConnectionMax, 7);
  t.equal(usual.requestsPerConnectionMax, 0);
});
