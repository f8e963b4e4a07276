// What a route does: forward, redirect, or answer directly.
import type { DirectResponseAction as PlainDirectResponse, ForwardAction, GrpcTimeouts, RedirectAction as PlainRedirect,
  RouteAction as PlainAction,
  Substitution, WeightedCluster as PlainWeightedCluster } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { DirectResponseAction, RedirectAction, Route, RouteAction, RouteActionUpgradeConfig,
  UriTemplateRewriteConfig }
  from '../wire/generated/messages.js';
import type { Duration, Report } from '../wire/message.js';
import { boolOf, millisecondsOf, numberOf, readDataSource } from './fields.js';
import { readFilterOverrides } from './filters/http-filters.js';
import { readRateLimits } from './filters/local-rate-limit.js';
import { readHeaderMutations } from './header-mutations.js';
import { readMetadataMatch } from './subsets.js';
import { readSubstitution, readTemplateRewrite } from './expressions.js';
import { readHashPolicy } from './hash-policy.js';
import { readInternalRedirectPolicy } from './internal-redirect.js';
import { readMirrorPolicies } from './mirror-policy.js';
import { readRetryPolicy } from './retry-policy.js';
import { templateOf } from './route-path.js';
import type { RouteContext } from './route-context.js';

const TIMEOUT_MS_DEFAULT = 15_000;
const WEIGHT_MAX = 2 ** 32 - 1;
const notFoundStatus = [503, 404, 500] as const;
const redirectStatus = [301, 302, 303, 307, 308] as const;

/** The action of a route; the check has said so where there is none. */
export function readAction(route: Route, path: string, context: RouteContext): PlainAction {
  if (route.redirect !== undefined) return readRedirect(route.redirect, fieldPath(path, 'redirect'), context.report);
  if (route.directResponse !== undefined) {
    return readDirectResponse(route.directResponse, fieldPath(path, 'direct_response'), context);
  }
  return readForward(route, route.route ?? {}, fieldPath(path, 'route'), context);
}

const emptyToNull = (text: string | undefined): string | null => text === undefined || text === '' ? null : text;

function readForward(route: Route, action: RouteAction, path: string, context: RouteContext): ForwardAction {
  const { report } = context;
  const clusters = readClusters(action, path, context);
  const own = readMirrorPolicies(action.requestMirrorPolicies, path, report, context.references);
  return {
    kind: 'forward',
    clusters,
    totalWeight: clusters.reduce((sum, cluster) => sum + cluster.weight, 0),
    randomValueHeader: emptyToNull(action.weightedClusters?.headerName)?.toLowerCase() ?? null,
    runtimeKeyPrefix: action.weightedClusters?.runtimeKeyPrefix ?? '',
    prefixRewrite: emptyToNull(action.prefixRewrite),
    regexRewrite: readPathRewrite(route, action, path, report),
    hostRewriteLiteral: emptyToNull(action.hostRewriteLiteral),
    hostRewriteHeader: emptyToNull(action.hostRewriteHeader)?.toLowerCase() ?? null,
    hostRewritePathRegex: readSubstitution(action.hostRewritePathRegex, fieldPath(path, 'host_rewrite_path_regex'),
      report),
    autoHostRewrite: boolOf(action.autoHostRewrite, false),
    hashPolicies: (action.hashPolicy ?? []).flatMap((policy, index) =>
      readHashPolicy(policy, fieldPath(path, `hash_policy[${index}]`), report)),
    rateLimits: readRateLimits(action.rateLimits, path, report),
    retryPolicy: readRetryPolicy(action.retryPolicy, fieldPath(path, 'retry_policy'), report),
    internalRedirects: readInternalRedirectPolicy(action.internalRedirectPolicy,
      fieldPath(path, 'internal_redirect_policy'), report),
    hedgesOnTimeout: (action.hedgePolicy ?? context.hedgePolicy)?.hedgeOnPerTryTimeout ?? false,
    mirrors: own.length > 0 ? own : context.mirrors,
    appendXForwardedHost: action.appendXForwardedHost ?? false,
    timeoutMs: readTimeout(action, path, report),
    maxStreamDurationMs: millisecondsOf(action.maxStreamDuration?.maxStreamDuration, null,
      fieldPath(path, 'max_stream_duration.max_stream_duration'), report),
    grpcTimeouts: readGrpcTimeouts(action, path, report),
    idleTimeoutMs: millisecondsOf(action.idleTimeout, null, fieldPath(path, 'idle_timeout'), report),
    clusterNotFoundStatus: notFoundStatus[action.clusterNotFoundResponseCode ?? 0] ?? 503,
    priority: action.priority === 1 ? 'high' : 'default',
    upgrades: readUpgrades(action.upgradeConfigs ?? [], path, report),
  };
}

/** Envoy: a route that has max_stream_duration, whatever is in it, has no timeout. */
function readTimeout(action: RouteAction, path: string, report: Report): number {
  const timeoutMs = millisecondsOf(action.timeout, TIMEOUT_MS_DEFAULT, fieldPath(path, 'timeout'), report);
  return action.maxStreamDuration === undefined ? timeoutMs : 0;
}

function readGrpcTimeouts(action: RouteAction, path: string, report: Report): GrpcTimeouts | null {
  const milliseconds = (value: Duration | undefined, name: string): number | null =>
    millisecondsOf(value, null, fieldPath(path, name), report);
  const maxMs = milliseconds(action.maxGrpcTimeout, 'max_grpc_timeout');
  const offsetMs = milliseconds(action.grpcTimeoutOffset, 'grpc_timeout_offset') ?? 0;
  const duration = action.maxStreamDuration;
  if (duration === undefined) {
    return maxMs === null ? null
      : { maxMs, offsetMs, durationMaxMs: null, durationOffsetMs: 0, saysDuration: false };
  }
  return { maxMs: null, offsetMs: 0, saysDuration: true,
    durationMaxMs: milliseconds(duration.grpcTimeoutHeaderMax, 'max_stream_duration.grpc_timeout_header_max'),
    durationOffsetMs: milliseconds(duration.grpcTimeoutHeaderOffset,
      'max_stream_duration.grpc_timeout_header_offset') ?? 0 };
}

const templateRewriteType = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig';

/** regex_rewrite, or path_rewrite_policy over the groups of the match's template; at most one kind of rewriting. */
function readPathRewrite(route: Route, action: RouteAction, path: string, report: Report): Substitution | null {
  const kinds = [action.prefixRewrite, action.regexRewrite, action.pathRewritePolicy]
    .filter((value) => value !== undefined && value !== '');
  if (kinds.length > 1)
    report.fail(path, 'only one of prefix_rewrite, regex_rewrite and path_rewrite_policy may be set');
  if (action.pathRewritePolicy === undefined)
    return readSubstitution(action.regexRewrite, fieldPath(path, 'regex_rewrite'), report);
  const at = `${path}.path_rewrite_policy.typed_config`;
  const any = action.pathRewritePolicy.typedConfig;
  if (any === undefined || any.type !== templateRewriteType) {
    report.fail(at, `not implemented: ${any?.type ?? 'no type'}`);
    return null;
  }
  const template = templateOf(route.match ?? {});
  const rewrite = typeof template === 'string' ? 'needs a path_match_policy with a template'
    : readTemplateRewrite((any.value as UriTemplateRewriteConfig).pathTemplateRewrite ?? '', template);
  if (typeof rewrite !== 'string') return rewrite;
  report.fail(at, rewrite);
  return null;
}

function readClusters(action: RouteAction, path: string, context: RouteContext): PlainWeightedCluster[] {
  if (action.weightedClusters !== undefined) {
    return readWeightedClusters(action, fieldPath(path, 'weighted_clusters'), context);
  }
  const cluster = action.cluster ?? '';
  const clusterHeader = emptyToNull(action.clusterHeader)?.toLowerCase() ?? null;
  if (cluster !== '') context.references?.push({ cluster, path: fieldPath(path, 'cluster') });
  return [{ cluster, clusterHeader, weight: 1, hostRewriteLiteral: null,
    metadataMatch: readMetadataMatch(action.metadataMatch, undefined), requestHeaders: { add: [], remove: [] },
    responseHeaders: { add: [], remove: [] }, filters: [] }];
}

function readWeightedClusters(action: RouteAction, path: string, context: RouteContext): PlainWeightedCluster[] {
  const weighted = action.weightedClusters!;
  const clusters = (weighted.clusters ?? []).map((entry, index): PlainWeightedCluster => {
    const at = `${path}.clusters[${index}]`;
    const cluster = entry.name ?? '';
    const clusterHeader = emptyToNull(entry.clusterHeader)?.toLowerCase() ?? null;
    if ((cluster === '') === (clusterHeader === null))
      context.report.fail(fieldPath(at, 'name'), cluster === '' ? 'required' : 'must not be set beside cluster_header');
    if (cluster !== '') context.references?.push({ cluster, path: fieldPath(at, 'name') });
    return { cluster, clusterHeader, weight: numberOf(entry.weight, 0),
      hostRewriteLiteral: emptyToNull(entry.hostRewriteLiteral),
      filters: readFilterOverrides(entry.typedPerFilterConfig, at, context.report),
      metadataMatch: readMetadataMatch(action.metadataMatch, entry.metadataMatch),
      ...readHeaderMutations(entry, at, context.report) };
  });
  const sum = clusters.reduce((total, cluster) => total + cluster.weight, 0);
  if (sum === 0) context.report.fail(path, 'the sum of the weights must be greater than 0');
  if (sum > WEIGHT_MAX) context.report.fail(path, `the sum of the weights must be at most ${WEIGHT_MAX}`);
  if (weighted.totalWeight !== undefined && numberOf(weighted.totalWeight, 0) !== sum) {
    context.report.fail(fieldPath(path, 'total_weight'), `must be absent or the sum of the weights, which is ${sum}`);
  }
  return clusters;
}

function readUpgrades(configs: RouteActionUpgradeConfig[], path: string, report: Report): ForwardAction['upgrades'] {
  const seen = new Set<string>();
  return configs.map((config, index) => {
    const at = `${path}.upgrade_configs[${index}]`;
    const type = (config.upgradeType ?? '').toLowerCase();
    if (seen.has(type)) report.fail(fieldPath(at, 'upgrade_type'), `duplicate upgrade ${config.upgradeType}`);
    seen.add(type);
    const connect = (config as { connectConfig?: object }).connectConfig !== undefined;
    if (connect && type !== 'connect') {
      report.fail(fieldPath(at, 'connect_config'), `only CONNECT has it, not ${config.upgradeType}`);
    }
    return { type, enabled: boolOf(config.enabled, true), connect };
  });
}

function readRedirect(redirect: RedirectAction, path: string, report: Report): PlainRedirect {
  const port = redirect.portRedirect ?? 0;
  if (port > 65535) report.fail(fieldPath(path, 'port_redirect'), 'must be at most 65535');
  const scheme = emptyToNull(redirect.schemeRedirect);
  if (scheme !== null && !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme)) {
    report.fail(fieldPath(path, 'scheme_redirect'), 'not a scheme');
  }
  return {
    kind: 'redirect',
    status: redirectStatus[redirect.responseCode ?? 0] ?? 301,
    scheme,
    httpsRedirect: redirect.httpsRedirect ?? false,
    host: emptyToNull(redirect.hostRedirect),
    port: port === 0 ? null : port,
    path: emptyToNull(redirect.pathRedirect),
    prefixRewrite: emptyToNull(redirect.prefixRewrite),
    regexRewrite: readSubstitution(redirect.regexRewrite, fieldPath(path, 'regex_rewrite'), report),
    stripQuery: redirect.stripQuery ?? false,
  };
}

function readDirectResponse(response: DirectResponseAction, path: string, context: RouteContext): PlainDirectResponse {
  const { report, directResponseBodyBytesMax } = context;
  const bodyPath = fieldPath(path, 'body');
  const bytes = response.body === undefined ? null : readDataSource(response.body, bodyPath, report);
  if (bytes !== null && bytes.length > directResponseBodyBytesMax) {
    report.fail(bodyPath, `response body size is ${bytes.length} bytes; maximum is ${directResponseBodyBytesMax}`);
    return { kind: 'directResponse', status: response.status ?? 0, body: '' };
  }
  const body = bytes?.toString('utf8') ?? '';
  if (bytes !== null && !Buffer.from(body).equals(bytes)) {
    report.fail(bodyPath, 'not implemented: bytes that are not UTF-8');
  }
  return { kind: 'directResponse', status: response.status ?? 0, body };
}
