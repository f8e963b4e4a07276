// How a cluster's names are resolved.

/** A resolver of its own for a cluster; the system's where there is none. */
export interface DnsResolver {
  servers: string[];                  // 'ip:port'; none = the system's
  serversOnlyAsFallback: boolean;     // the system is asked first
  searchDomains: boolean;             // names may be completed by the system's search domains
  filterUnroutable: boolean;          // addresses of a family that no interface has are left out
  timeoutMs: number | null;           // of one query to `servers`; null = the resolver's own
  tries: number | null;
}

export interface DnsOptions {
  refreshRateMs: number;              // default 5000
  jitterMs: number;                   // added to each wait, at most so much
  family: 'auto' | 'v4Only' | 'v6Only' | 'v4Preferred' | 'all';
  respectTtl: boolean;
  failureRefreshBaseMs: number;
  failureRefreshMaxMs: number;
  waitAtStart: boolean;               // wait_for_warm_on_init, default true
  resolver: DnsResolver | null;       // null: the bootstrap's
}
