// When a request may be sent again, as Envoy names it: conditions of x-envoy-retry-on, and a route's policy compiled
// for them. Pure: what happens then is retries.ts.
import { holds } from '../../config/metadata-match.js';
import type { Fields } from '../../config/metadata-match.js';
import type { RetryPolicy } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { HeaderCondition } from './header-condition.js';

export const RetryOn = {
  serverError: 1, gatewayError: 2, reset: 4, resetBeforeRequest: 8, connectFailure: 16, rateLimited: 32,
  retriable4xx: 64, refusedStream: 128, statusCodes: 256, headers: 512, grpcCancelled: 1024, grpcDeadline: 2048,
  grpcInternal: 4096, grpcExhausted: 8192, grpcUnavailable: 16384,
} as const;

const conditions: Readonly<Record<string, number>> = {
  '5xx': RetryOn.serverError, 'gateway-error': RetryOn.gatewayError, reset: RetryOn.reset,
  'reset-before-request': RetryOn.resetBeforeRequest, 'connect-failure': RetryOn.connectFailure,
  'envoy-ratelimited': RetryOn.rateLimited, 'retriable-4xx': RetryOn.retriable4xx,
  'refused-stream': RetryOn.refusedStream, 'retriable-status-codes': RetryOn.statusCodes,
  'retriable-headers': RetryOn.headers, 'http3-post-connect-failure': 0,
};
const grpcConditions: Readonly<Record<string, number>> = {
  cancelled: RetryOn.grpcCancelled, 'deadline-exceeded': RetryOn.grpcDeadline, internal: RetryOn.grpcInternal,
  'resource-exhausted': RetryOn.grpcExhausted, unavailable: RetryOn.grpcUnavailable,
};
/** gRPC status numbers of those conditions. */
const grpcStatus: Readonly<Record<number, number>> = { 1: RetryOn.grpcCancelled, 4: RetryOn.grpcDeadline,
  13: RetryOn.grpcInternal, 8: RetryOn.grpcExhausted, 14: RetryOn.grpcUnavailable };
const GRPC = RetryOn.grpcCancelled | RetryOn.grpcDeadline | RetryOn.grpcInternal | RetryOn.grpcExhausted
  | RetryOn.grpcUnavailable;

const bitsOf = (text: string, known: Readonly<Record<string, number>>): number => text.split(',')
  .map((part) => part.trim()).reduce((bits, name) => bits | (Object.hasOwn(known, name) ? known[name]! : 0), 0);
/** Bits of x-envoy-retry-on and of x-envoy-retry-grpc-on. */
export const httpRetryOnOf = (text: string): number => bitsOf(text, conditions);
export const grpcRetryOnOf = (text: string): number => bitsOf(text, grpcConditions);

/** Bits of a policy's list, which may have both; names nobody knows count for nothing, as in Envoy. */
const retryOnOf = (text: string): number => httpRetryOnOf(text) | grpcRetryOnOf(text);

/** Retry host predicates that look at an endpoint's metadata. */
export class RetryHosts {
  constructor(private readonly policy: RetryPolicy) {}

  static of(policy: RetryPolicy): RetryHosts | null {
    return policy.avoidCanaries || policy.avoidMetadata.length > 0 ? new RetryHosts(policy) : null;
  }

  refuses(metadata: Fields | null): boolean {
    return (this.policy.avoidCanaries && metadata?.canary === true)
      || this.policy.avoidMetadata.some((match) => holds(metadata, match, true));
  }
}

export class RetryConditions {
  readonly retryOn: number;
  readonly hosts: RetryHosts | null;
  private readonly responseHeaders: HeaderCondition[];
  private readonly requestHeaders: HeaderCondition[];

  constructor(engine: Engine, readonly policy: RetryPolicy) {
    this.retryOn = retryOnOf(policy.retryOn);
    this.hosts = RetryHosts.of(policy);
    this.responseHeaders = policy.retriableHeaders.map((matcher) => new HeaderCondition(engine, matcher));
    this.requestHeaders = policy.retriableRequestHeaders.map((matcher) => new HeaderCondition(engine, matcher));
  }

  /** May this request be repeated at all? */
  admits(record: number): boolean {
    return this.requestHeaders.length === 0 || this.requestHeaders.some((condition) => condition.holds(record));
  }
  hasRetriableHeader(record: number): boolean {
    return this.responseHeaders.some((condition) => condition.holds(record));
  }
  release(): void { for (const condition of [...this.responseHeaders, ...this.requestHeaders]) condition.release(); }
}

/** Does a response ask for a retry? `grpc` is its grpc-status, -1 without one. */
export function statusAsks(retryOn: number, status: number, grpc: number, codes: readonly number[]): boolean {
  if ((retryOn & RetryOn.serverError) !== 0 && status >= 500) return true;
  if ((retryOn & RetryOn.gatewayError) !== 0 && status >= 502 && status <= 504) return true;
  if ((retryOn & RetryOn.retriable4xx) !== 0 && status === 409) return true;
  if ((retryOn & RetryOn.statusCodes) !== 0 && codes.includes(status)) return true;
  return grpc > 0 && (retryOn & GRPC) !== 0 && ((grpcStatus[grpc] ?? 0) & retryOn) !== 0;
}
export const asksForGrpc = (retryOn: number): boolean => (retryOn & GRPC) !== 0;
