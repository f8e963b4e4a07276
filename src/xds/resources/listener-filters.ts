// Listener filters: original destination, PROXY protocol, TLS and HTTP inspectors, and for which ports they rest.
import type { ListenerFilter as PlainFilter, ListenerFilters,
  ListenerPredicate } from '../../config/listener-filters.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Any, Report } from '../wire/message.js';
import type { Listener, ListenerFilter, ListenerFilterChainMatchPredicate, ProxyProtocol, TlsInspector }
  from '../wire/generated/messages.js';
import { boolOf, millisecondsOf } from './fields.js';

const TIMEOUT_MS_DEFAULT = 15_000;
const PREFIX = 'envoy.extensions.filters.listener.';

/** Null where nothing looks at connections before their filter chain does. */
export function readListenerFilters(message: Listener, path: string, report: Report): ListenerFilters | null {
  const at = fieldPath(path, 'listener_filters');
  const timeoutMs = millisecondsOf(message.listenerFiltersTimeout, TIMEOUT_MS_DEFAULT,
    fieldPath(path, 'listener_filters_timeout'), report);
  const filters = (message.listenerFilters ?? []).flatMap((filter, index) =>
    readFilter(filter, `${at}[${index}]`, report));
  // As Envoy: who follows original destinations finds them out, after all else.
  if (message.useOriginalDst?.value === true && !filters.some(({ kind }) => kind === 'originalDst'))
    filters.push({ kind: 'originalDst', disabled: null });
  return filters.length === 0 ? null
    : { filters, timeoutMs, continueOnTimeout: message.continueOnListenerFiltersTimeout ?? false };
}

function readFilter(filter: ListenerFilter, path: string, report: Report): PlainFilter[] {
  const at = fieldPath(path, 'typed_config');
  const any = filter.typedConfig;
  const disabled = filter.filterDisabled === undefined ? null
    : readPredicate(filter.filterDisabled, fieldPath(path, 'filter_disabled'), 0, report);
  if (any === undefined || any === null) {
    report.fail(at, 'required');
    return [];
  }
  switch (any.type) {
    case `${PREFIX}original_dst.v3.OriginalDst`: return [{ kind: 'originalDst', disabled }];
    case `${PREFIX}http_inspector.v3.HttpInspector`: return [{ kind: 'httpInspector', disabled }];
    case `${PREFIX}tls_inspector.v3.TlsInspector`: return [readTlsInspector(any, disabled)];
    case `${PREFIX}proxy_protocol.v3.ProxyProtocol`: return [readProxyProtocol(any, disabled, at, report)];
    default:
      report.fail(at, `not implemented: listener filter ${any.type}`);
      return [];
  }
}

function readTlsInspector(any: Any, disabled: ListenerPredicate | null): PlainFilter {
  const options = any.value as TlsInspector;
  return { kind: 'tlsInspector', disabled,
    maxClientHelloBytes: options.maxClientHelloSize?.value ?? limits.clientHelloBytesMax,
    closeOnError: options.closeConnectionOnClientHelloParsingErrors ?? false,
    ja3: boolOf(options.enableJa3Fingerprinting, false), ja4: boolOf(options.enableJa4Fingerprinting, false) };
}

function readProxyProtocol(any: Any, disabled: ListenerPredicate | null, at: string, report: Report): PlainFilter {
  const options = any.value as ProxyProtocol;
  const disallowed = [...new Set((options.disallowedVersions ?? []).map((version) =>
    (version === 1 ? 'v2' as const : 'v1' as const)))];
  if (disallowed.length > 1) report.fail(fieldPath(at, 'disallowed_versions'), 'no version is left');
  return { kind: 'proxyProtocol', disabled, statPrefix: options.statPrefix ?? '', disallowed,
    allowWithout: options.allowRequestsWithoutProxyProtocol ?? false };
}

function readPredicate(message: ListenerFilterChainMatchPredicate, path: string, depth: number,
  report: Report): ListenerPredicate {
  if (depth > limits.predicateDepthMax) {
    report.fail(path, `nested deeper than ${limits.predicateDepthMax}`);
    return { kind: 'any' };
  }
  const set = message.andMatch ?? message.orMatch;
  if (set !== undefined) {
    const field = message.andMatch === undefined ? 'or_match' : 'and_match';
    return { kind: message.andMatch === undefined ? 'or' : 'and', rules: (set.rules ?? []).map((rule, index) =>
      readPredicate(rule, `${path}.${field}.rules[${index}]`, depth + 1, report)) };
  }
  if (message.notMatch !== undefined)
    return { kind: 'not', rule: readPredicate(message.notMatch, fieldPath(path, 'not_match'), depth + 1, report) };
  const range = message.destinationPortRange;
  if (range === undefined) return { kind: 'any' };
  return { kind: 'destinationPort', start: range.start ?? 0, end: range.end ?? 0 };
}
