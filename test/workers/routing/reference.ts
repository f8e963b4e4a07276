// Route matching the slow and obvious way, from Envoy's documentation: the judge of assembly/routing/match.ts
// and workers/routing/.
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RouteConfig,
  RouteMatch,
  StringMatcher,
  VirtualHost,
} from '../../../src/config/types.js';

export interface Request {
  method: string;
  target: string;
  host: string;
  headers: [string, string][];
}

/** [virtual host, route] by index in their lists, or null. */
export function referenceMatch(config: RouteConfig, request: Request): [number, number] | null {
  const host = virtualHostOf(config, request.host);
  if (host < 0) return null;
  const route = config.virtualHosts[host]!.routes.findIndex(({ match }) => routeMatches(match, request));
  return route < 0 ? null : [host, route];
}

function virtualHostOf(config: RouteConfig, authority: string): number {
  let host = authority.toLowerCase();
  if (config.ignorePortInHostMatching) host = host.replace(/:\d*$/, '');
  const named = (wanted: (domain: string) => boolean): { index: number; domain: string }[] =>
    config.virtualHosts
      .flatMap(({ domains }: VirtualHost, index) => domains.filter(wanted).map((domain) => ({ index, domain })))
      .sort((a, b) => b.domain.length - a.domain.length);
  const exact = named((domain) => domain === host);
  const suffix = named(
    (domain) =>
      domain.startsWith('*') && domain !== '*' && host.length > domain.length - 1 && host.endsWith(domain.slice(1)),
  );
  const prefix = named(
    (domain) =>
      domain.endsWith('*') &&
      domain !== '*' &&
      host.length > domain.length - 1 &&
      host.startsWith(domain.slice(0, -1)),
  );
  const any = named((domain) => domain === '*');
  return [...exact, ...suffix, ...prefix, ...any][0]?.index ?? -1;
}

function routeMatches(match: RouteMatch, request: Request): boolean {
  const [path, query] = split(request.target);
  if (match.path.kind === 'connect') {
    if (request.method !== 'CONNECT') return false;
  } else {
    if (request.method === 'CONNECT') return false;
    const wanted = match.caseSensitive ? match.path.value : match.path.value.toLowerCase();
    const given = match.caseSensitive ? path : path.toLowerCase();
    if (match.path.kind === 'regex') {
      const insensitive = match.path.value.startsWith('(?i)');
      const pattern = `^(?:${match.path.value.replace('(?i)', '')})$`;
      if (!new RegExp(pattern, insensitive ? 'i' : '').test(path)) return false;
    } else if (match.path.kind === 'pathSeparatedPrefix') {
      if (given !== wanted && !given.startsWith(`${wanted}/`)) return false;
    } else if (match.path.kind === 'prefix' ? !given.startsWith(wanted) : given !== wanted) return false;
  }
  return (
    match.headers.every((matcher) => headerMatches(matcher, request)) &&
    match.queryParameters.every((matcher) => queryMatches(matcher, query))
  );
}

const split = (target: string): [string, string | null] => {
  const at = target.indexOf('?');
  return at < 0 ? [target, null] : [target.slice(0, at), target.slice(at + 1)];
};

function headerMatches({ name, match, invert, treatMissingAsEmpty }: HeaderMatcher, request: Request): boolean {
  const values =
    name === ':method'
      ? [request.method]
      : name === ':path'
        ? [request.target]
        : name === ':authority'
          ? [request.host]
          : name === ':scheme'
            ? ['http']
            : request.headers.filter(([header]) => header.toLowerCase() === name).map(([, value]) => value);
  const all = values.length > 0 || !treatMissingAsEmpty ? values : [''];
  if (match.kind === 'present') return (all.length > 0 === match.present) !== invert;
  if (all.length === 0) return false;
  const holds = (value: string): boolean =>
    match.kind === 'range'
      ? /^[+-]?\d{1,18}$/.test(value) && Number(value) >= match.start && Number(value) < match.end
      : textMatches(match, value);
  return all.some(holds) !== invert;
}

function queryMatches({ name, match }: QueryParameterMatcher, query: string | null): boolean {
  const pair = query
    ?.split('&')
    .map((piece) => {
      const at = piece.indexOf('=');
      return at < 0 ? [piece, ''] : [piece.slice(0, at), piece.slice(at + 1)];
    })
    .find(([key]) => key === name);
  if (match.kind === 'present') return (pair !== undefined) === match.present;
  return pair !== undefined && textMatches(match, pair[1]!);
}

function textMatches(match: StringMatcher, value: string): boolean {
  if (match.kind === 'regex') return new RegExp(`^(?:${match.value})$`).test(value);
  const wanted = match.ignoreCase ? match.value.toLowerCase() : match.value;
  const given = match.ignoreCase ? value.toLowerCase() : value;
  switch (match.kind) {
    case 'exact':
      return given === wanted;
    case 'prefix':
      return given.startsWith(wanted);
    case 'suffix':
      return given.endsWith(wanted);
    case 'contains':
      return given.includes(wanted);
  }
}
