// Listener filters as plain values: what looks at a connection before its filter chain is chosen.

/** Statistics of listener filters and network filters, one scope for each stat prefix. */
export type NetworkScopeKind = 'tls_inspector' | 'http_inspector' | 'proxy_proto' | 'tcp'
  | 'connection_limit' | 'local_rate_limit' | 'connection_share';

/** envoy.config.listener.v3.ListenerFilterChainMatchPredicate */
export type ListenerPredicate =
  | { kind: 'any' }
  | { kind: 'destinationPort'; start: number; end: number }        // [start, end)
  | { kind: 'not'; rule: ListenerPredicate }
  | { kind: 'and' | 'or'; rules: ListenerPredicate[] };

/** `disabled`: connections that it leaves alone; null = none. */
export type ListenerFilter = { disabled: ListenerPredicate | null } & (
  | { kind: 'originalDst' }
  | { kind: 'tlsInspector'; maxClientHelloBytes: number; closeOnError: boolean; ja3: boolean; ja4: boolean }
  | { kind: 'httpInspector' }
  | { kind: 'proxyProtocol'; statPrefix: string; allowWithout: boolean; disallowed: ('v1' | 'v2')[] });

export interface ListenerFilters {
  filters: ListenerFilter[];
  timeoutMs: number;                  // 0 = none
  continueOnTimeout: boolean;
}
