// route.v3.RouteConfiguration into a RouteConfig, with Envoy's rules on domains.
import type { Route as PlainRoute, RouteConfig, RouteMatch as PlainMatch, VirtualHost as PlainVirtualHost }
  from '../../config/types.js';
import { always } from '../../config/runtime.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Route, RouteConfiguration, RouteMatch,
  VirtualHost } from '../wire/generated/messages.js';
import { boolOf, numberOf, readMetadata } from './fields.js';
import { readHeaderMutations } from './header-mutations.js';
import { readHeaderMatcher, readQueryParameterMatcher } from './matchers.js';
import { readAction } from './route-action.js';
import { readRuntimeFraction } from './runtime.js';
import { readPath } from './route-path.js';

/** A cluster that a route names, with the place where it does. */
export interface ClusterReference { cluster: string; path: string }

/** What reading a route configuration needs beside the message. */
export interface RouteContext {
  report: Report;
  directResponseBodyBytesMax: number;
  references: ClusterReference[] | null;    // collected when they are to be checked
}

/**
 * The route configuration under the name it will be found by. With `references`, the clusters that it names are added
 * there.
 */
export function readRouteConfiguration(message: RouteConfiguration, name: string, path: string, report: Report,
  references: ClusterReference[] | null): RouteConfig {
  const context: RouteContext = { report, references,
    directResponseBodyBytesMax: numberOf(message.maxDirectResponseBodySizeBytes,
      limits.directResponseBodyBytesDefault) };
  const hosts = message.virtualHosts ?? [];
  const domains = new Map<string, string>();
  return {
    name,
    virtualHosts: hosts.map((host, index) => readVirtualHost(host, fieldPath(path, `virtual_hosts[${index}]`), context,
      domains)),
    ...readHeaderMutations(message, path, report),
    mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins ?? false,
    ignorePortInHostMatching: message.ignorePortInHostMatching ?? false,
  };
}

const requireTls = ['none', 'external', 'all'] as const;

function readVirtualHost(host: VirtualHost, path: string, context: RouteContext, seen: Map<string,
  string>): PlainVirtualHost {
  const domains = (host.domains ?? []).map((domain) => domain.toLowerCase());
  domains.forEach((domain, index) => checkDomain(domain, `${path}.domains[${index}]`, context.report, seen));
  return {
    name: host.name ?? '',
    domains,
    routes: (host.routes ?? []).map((route, index) => readRoute(route, `${path}.routes[${index}]`, context)),
    requireTls: requireTls[host.requireTls ?? 0] ?? 'none',
    metadata: readMetadata(host.metadata),
    ...readHeaderMutations(host, path, context.report),
  };
}

/**
 * A domain is exact, or has one star, as its first or its last character; each stands once in a route configuration.
 */
function checkDomain(domain: string, path: string, report: Report, seen: Map<string, string>): void {
  const star = domain.indexOf('*');
  if (star !== domain.lastIndexOf('*') || (star > 0 && star < domain.length - 1)) {
    report.fail(path, `"${domain}": a wildcard is only allowed at the start or at the end`);
  }
  const first = seen.get(domain);
  if (first === undefined) seen.set(domain, path);
  else if (domain === '*') report.fail(path, `only a single wildcard domain is permitted, the other one is ${first}`);
  else report.fail(path, `only unique domains are permitted, "${domain}" is also at ${first}`);
}

function readRoute(route: Route, path: string, context: RouteContext): PlainRoute {
  return {
    name: route.name ?? '',
    match: readMatch(route.match ?? {}, fieldPath(path, 'match'), context.report),
    action: readAction(route, path, context),
    metadata: readMetadata(route.metadata),
    ...readHeaderMutations(route, path, context.report),
  };
}

function readMatch(match: RouteMatch, path: string, report: Report): PlainMatch {
  return {
    path: readPath(match, path, report),
    caseSensitive: boolOf(match.caseSensitive, true),
    headers: [...(match.headers ?? []).map((matcher, index) =>
      readHeaderMatcher(matcher, `${path}.headers[${index}]`, report)),
        ...(match.grpc === undefined ? [] : [grpcOnly])],
    queryParameters: (match.queryParameters ?? []).map((matcher, index) =>
      readQueryParameterMatcher(matcher, `${path}.query_parameters[${index}]`, report)),
    runtimeFraction: match.runtimeFraction === undefined ? null : readRuntimeFraction(match.runtimeFraction, always),
  };
}

/** What Envoy calls a gRPC request. */
const grpcOnly: PlainMatch['headers'][number] = { name: 'content-type', invert: false, treatMissingAsEmpty: false,
  match: { kind: 'regex', value: 'application/grpc([+].*)?' } };
