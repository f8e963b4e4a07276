// ScopedRoutes of a connection manager: a key made of request headers chooses one of several route configurations. They
// stand inline; lists by subscription are refused.
import { limits } from '../../core/limits.js';
import type { ScopeFragment, ScopedRoutes as PlainScopedRoutes } from '../../config/types.js';
import type { ScopedRoutes, ScopedRoutesScopeKeyBuilderFragmentBuilder } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';

/** Takes an inline route configuration; returns the name it is found by. */
export type TakeRoutes = (message: NonNullable<ScopedRoutes['scopedRouteConfigurationsList']>, index: number,
  path: string) => string;

export function readScopedRoutes(message: ScopedRoutes, path: string, report: Report,
  take: TakeRoutes): PlainScopedRoutes {
  const builders = message.scopeKeyBuilder?.fragments ?? [];
  const fragmentsAt = `${path}.scope_key_builder.fragments`;
  if (builders.length > limits.scopeFragmentsMax) report.fail(fragmentsAt, `more than ${limits.scopeFragmentsMax}`);
  const list = message.scopedRouteConfigurationsList ?? {};
  const at = `${path}.scoped_route_configurations_list.scoped_route_configurations`;
  const keys = new Map<string, string>(), names = new Set<string>();
  const scopes = (list.scopedRouteConfigurations ?? []).map((scope, index) => {
    const where = `${at}[${index}]`;
    const name = scope.name ?? '';
    const key = (scope.key?.fragments ?? []).map(({ stringKey }) => stringKey ?? '');
    const text = JSON.stringify(key);
    if (scope.routeConfiguration === undefined)
      report.fail(where, 'inline scopes need a route_configuration; route_configuration_name is not implemented');
    if (names.has(name)) report.fail(fieldPath(where, 'name'), `a second scope with the name ${name}`);
    if (keys.has(text)) report.fail(fieldPath(where, 'key'), `the scope ${keys.get(text)!} has the same key`);
    names.add(name);
    keys.set(text, name);
    return { key, routeConfigName: take(list, index, fieldPath(where, 'route_configuration')) };
  });
  return { fragments: builders.map((builder, index) => readFragment(builder, `${fragmentsAt}[${index}]`, report)),
    scopes };
}

function readFragment(builder: ScopedRoutesScopeKeyBuilderFragmentBuilder, path: string,
  report: Report): ScopeFragment {
  const extractor = builder.headerValueExtractor ?? {};
  const at = fieldPath(path, 'header_value_extractor');
  const separator = extractor.elementSeparator ?? '';
  if (extractor.index === undefined && extractor.element === undefined)
    report.fail(at, 'one of index and element must be set');
  if (separator === '' && (extractor.index ?? 0) > 0)
    report.fail(fieldPath(at, 'index'), 'must be 0 where element_separator is empty');
  return { header: (extractor.name ?? '').toLowerCase(), separator, index: extractor.index ?? 0,
    element: extractor.element === undefined ? null
      : { separator: extractor.element.separator ?? '', key: extractor.element.key ?? '' } };
}
