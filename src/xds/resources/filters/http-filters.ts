// The chain of HTTP filters of a connection manager, and what the levels of a route configuration say about its
// filters. Each message becomes the plain value of its kind; a filter that Weft does not have is refused, unless it is
// optional and guards nothing.
import type { FilterOverride, HttpFilter as PlainHttpFilter, HttpFilterConfig } from '../../../config/http-filters.js';
import { limits } from '../../../core/limits.js';
import type { Buffer as BufferMessage, BufferPerRoute, CorsPolicy, CsrfPolicy, Dynamic_forward_proxyFilterConfig,
  Grpc_http1_bridgeConfig, Grpc_statsFilterConfig, GrpcJsonTranscoder, HTTPFault, PerRouteConfig, RouteFilterConfig,
  Header_mutationHeaderMutation, HeaderMutationPerRoute, Header_to_metadataConfig,
    Health_checkHealthCheck as HealthCheck,
  HttpFilter, LocalRateLimit, Router, RpcJsonTranscoder, Set_metadataConfig } from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Any, Report } from '../../wire/message.js';
import { boolOf, millisecondsOf, numberOf } from '../fields.js';
import { readHeaderMatcher } from '../matchers.js';
import { readFault } from './fault.js';
import { readForwardProxy, readForwardProxyOfRoute } from './forward-proxy.js';
import { readHeaderMutation, readHeaderToMetadata, readSetMetadata } from './headers.js';
import { readLocalRateLimit } from './local-rate-limit.js';
import { readRpcJsonTranscoder, rpcJsonTranscoderType } from './rpc-json.js';
import { readTranscoder } from './transcoder.js';
import { readCorsPolicy, readCsrf } from './origins.js';

const TYPES = 'envoy.extensions.filters.http.';
/** Weft's own. */
const OWN_TYPES = 'weft.extensions.filters.http.';
const routerType = `${TYPES}router.v3.Router`;
const overrideType = 'envoy.config.route.v3.FilterConfig';

type Reader = (message: object, path: string, report: Report) => HttpFilterConfig;
const always: readonly [string, Reader][] = [
  ['fault.v3.HTTPFault', (message, path, report) => readFault(message as HTTPFault, path, report)],
  ['cors.v3.CorsPolicy', (message, path, report) => ({ kind: 'cors',
    policy: readCorsPolicy(message as CorsPolicy, path, report) })],
  ['csrf.v3.CsrfPolicy', (message, path, report) => readCsrf(message as CsrfPolicy, path, report)],
  ['local_ratelimit.v3.LocalRateLimit', (message, path, report) =>
    readLocalRateLimit(message as LocalRateLimit, path, report)],
  ['grpc_json_transcoder.v3.GrpcJsonTranscoder', (message, path, report) =>
    readTranscoder(message as GrpcJsonTranscoder, path, report)],
  [rpcJsonTranscoderType, (message, path, report) =>
    readRpcJsonTranscoder(message as RpcJsonTranscoder, path, report)],
  ['set_metadata.v3.Config', (message) => readSetMetadata(message as Set_metadataConfig)],
  ['header_to_metadata.v3.Config', (message, path, report) =>
    readHeaderToMetadata(message as Header_to_metadataConfig, path, report)],
];
/** By type: what stands in a chain, and what stands in a route configuration. */
const chainReaders: readonly [string, Reader][] = [...always.filter(([type]) => type !== 'cors.v3.CorsPolicy'),
  ['router.v3.Router', (message) => ({ kind: 'router',
    suppressEnvoyHeaders: (message as Router).suppressEnvoyHeaders ?? false })],
  ['cors.v3.Cors', () => ({ kind: 'cors', policy: null })],
  [`${OWN_TYPES}sofa_trace.v1.SofaTrace`, () => ({ kind: 'sofaTrace' })],
  ['grpc_web.v3.GrpcWeb', () => ({ kind: 'grpcWeb' })],
  ['grpc_http1_bridge.v3.Config', (message) => ({ kind: 'grpcHttp1Bridge',
    upgradesProtobuf: (message as Grpc_http1_bridgeConfig).upgradeProtobufToGrpc ?? false,
    ignoresQuery: (message as Grpc_http1_bridgeConfig).ignoreQueryParameters ?? false })],
  ['grpc_stats.v3.FilterConfig', (message) => readGrpcStats(message as Grpc_statsFilterConfig)],
  ['header_mutation.v3.HeaderMutation', (message, path, report) => {
    const { mutations, mostSpecificHeaderMutationsWins } = message as Header_mutationHeaderMutation;
    return readHeaderMutation(mutations, mostSpecificHeaderMutationsWins ?? false, path, report);
  }],
  ['dynamic_forward_proxy.v3.FilterConfig', (message, path, report) =>
    readForwardProxy(message as Dynamic_forward_proxyFilterConfig, path, report)],
  ['health_check.v3.HealthCheck', (message, path, report) =>
    readHealthCheck(message as HealthCheck, path, report)],
  ['buffer.v3.Buffer', (message) => ({ kind: 'buffer', disabled: false,
    maxRequestBytes: numberOf((message as BufferMessage).maxRequestBytes, 0) })],
];
const routeReaders: readonly [string, Reader][] = [...always,
  ['header_mutation.v3.HeaderMutationPerRoute', (message, path, report) =>
    readHeaderMutation((message as HeaderMutationPerRoute).mutations, false, path, report)],
  ['dynamic_forward_proxy.v3.PerRouteConfig', (message) => readForwardProxyOfRoute(message as PerRouteConfig)],
  ['buffer.v3.BufferPerRoute', (message) => ({ kind: 'buffer',
    disabled: (message as BufferPerRoute).disabled ?? false,
    maxRequestBytes: numberOf((message as BufferPerRoute).buffer?.maxRequestBytes, 0) })],
];
const byType = (readers: readonly [string, Reader][]): ReadonlyMap<string, Reader> =>
  new Map(readers.map(([type, read]) => [type.startsWith(OWN_TYPES) ? type : `${TYPES}${type}`, read]));
const inChain = byType(chainReaders), inRoutes = byType(routeReaders);

/** Filters that decide who may pass. One of these is never left out, whatever is_optional says. */
const guards = new Set(['rbac', 'jwt_authn', 'ext_authz', 'basic_auth', 'api_key_auth', 'oauth2', 'csrf', 'ext_proc',
  'ratelimit', 'local_ratelimit', 'rate_limit_quota', 'wasm', 'lua', 'golang']);
/** Name of a filter in its type: 'rbac' of 'envoy.extensions.filters.http.rbac.v3.RBAC'. */
const filterNameOf = (type: string): string => /\.http\.([a-z0-9_]+)\./.exec(type)?.[1] ?? '';

function readGrpcStats(filter: Grpc_statsFilterConfig): HttpFilterConfig {
  const { services } = filter.individualMethodStatsAllowlist ?? {};
  return { kind: 'grpcStats', upstreamStats: filter.enableUpstreamStats ?? false,
    emitFilterState: filter.emitFilterState ?? false,
    methods: boolOf(filter.statsForAllMethods, false) ? 'all' : (services ?? []).flatMap(({ name, methodNames }) =>
      (methodNames ?? []).map((method) => `/${name ?? ''}/${method}`)),
    replaceDots: filter.replaceDotsInGrpcServiceName ?? false };
}

export function readHttpFilters(filters: HttpFilter[], path: string, report: Report): PlainHttpFilter[] {
  const result: PlainHttpFilter[] = [];
  if (filters.length > limits.httpFiltersMax) report.fail(path, `more than ${limits.httpFiltersMax}`);
  filters.forEach((filter, index) => {
    const at = `${path}[${index}]`;
    const any = filter.typedConfig;
    const disabled = filter.disabled ?? false;
    const read = any === undefined || any === null ? undefined : inChain.get(any.type);
    if (any === undefined || any === null) {
      if (disabled) report.warn(at, `disabled, left out: ${filter.name}`);
      else report.fail(`${at}.typed_config`, 'required');
    } else if (read !== undefined && any.value !== undefined) {
      if (any.type === routerType) checkRouter(disabled, index === filters.length - 1, at, report);
      result.push({ name: filter.name ?? '', typeUrl: any.typeUrl, disabled,
        config: read(any.value, `${at}.typed_config`, report) });
    } else if (disabled) {
      report.warn(at, `disabled, left out: ${any.type}`);
    } else if ((filter.isOptional ?? false) && !guards.has(filterNameOf(any.type))) {
      report.warn(at, `optional and not implemented, left out: ${any.type}`);
    } else {
      report.fail(`${at}.typed_config`, filter.isOptional === true
        ? `not implemented: HTTP filter ${any.type}, which guards access and is not left out though it is optional`
        : `not implemented: HTTP filter ${any.type}`);
    }
  });
  if (result.at(-1)?.config.kind !== 'router') report.fail(path, `the last filter must be the router (${routerType})`);
  return result;
}

function checkRouter(disabled: boolean, last: boolean, path: string, report: Report): void {
  if (disabled) report.fail(`${path}.disabled`, 'the router ends the chain and cannot be disabled');
  if (!last) report.fail(path, 'the router ends the chain and must be the last filter');
}

/** typed_per_filter_config of one level. A guard that Weft does not have is refused even where it is optional. */
export function readFilterOverrides(configs: { [name: string]: Any } | undefined, path: string,
  report: Report): FilterOverride[] {
  return Object.entries(configs ?? {}).flatMap(([name, any]) => {
    const at = `${fieldPath(path, 'typed_per_filter_config')}[${JSON.stringify(name)}]`;
    if (any.type !== overrideType || any.value === undefined) return readOverride(name, any, false, false, at, report);
    const { config, disabled = false, isOptional = false } = any.value as RouteFilterConfig;
    if (config === undefined || config.type === '') {
      if (!disabled && config === undefined) report.fail(`${at}.config`, 'required');
      return [{ name, disabled, config: null }];
    }
    return readOverride(name, config, disabled, isOptional, `${at}.config`, report);
  });
}

function readOverride(name: string, any: Any, disabled: boolean, optional: boolean, path: string,
  report: Report): FilterOverride[] {
  const read = inRoutes.get(any.type);
  if (read !== undefined && any.value !== undefined)
    return [{ name, disabled, config: read(any.value, path, report) }];
  if (optional && !guards.has(filterNameOf(any.type))) {
    report.warn(path, `optional and not implemented, left out: ${any.type}`);
    return [];
  }
  report.fail(path, `not implemented: ${any.type} in typed_per_filter_config`);
  return [];
}

function readHealthCheck(message: HealthCheck, path: string, report: Report): HttpFilterConfig {
  const passThrough = boolOf(message.passThroughMode, false);
  const percentages = Object.entries(message.clusterMinHealthyPercentages ?? {});
  const cacheTimeMs = millisecondsOf(message.cacheTime, 0, fieldPath(path, 'cache_time'), report);
  if (!passThrough && cacheTimeMs > 0)
    report.fail(fieldPath(path, 'cache_time'), 'cannot be set when pass_through_mode is not');
  if (passThrough && percentages.length > 0)
    report.fail(fieldPath(path, 'cluster_min_healthy_percentages'), 'cannot be set when pass_through_mode is');
  return { kind: 'healthCheck', passThrough, cacheTimeMs,
    clusterMinHealthyPercent: percentages.map(([cluster, percent]) => ({ cluster, percent: percent.value ?? 0 })),
    headers: (message.headers ?? []).map((matcher, index) =>
      readHeaderMatcher(matcher, `${fieldPath(path, 'headers')}[${index}]`, report)) };
}
