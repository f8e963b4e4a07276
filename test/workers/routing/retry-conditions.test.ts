// Names of conditions in x-envoy-retry-on and x-envoy-retry-grpc-on: each list knows its own.
import t from 'tap';
import { grpcRetryOnOf, httpRetryOnOf, RetryOn } from '../../../src/workers/routing/retry-conditions.js';

t.test('lists', async (t) => {
  t.equal(httpRetryOnOf('5xx, reset ,nonsense,'), RetryOn.serverError | RetryOn.reset);
  t.equal(httpRetryOnOf('unavailable,cancelled'), 0);
  t.equal(grpcRetryOnOf('unavailable, cancelled'), RetryOn.grpcUnavailable | RetryOn.grpcCancelled);
  t.equal(grpcRetryOnOf('5xx,reset'), 0);
  t.same([httpRetryOnOf(''), grpcRetryOnOf(''), httpRetryOnOf('constructor,__proto__')], [0, 0, 0]);
});
