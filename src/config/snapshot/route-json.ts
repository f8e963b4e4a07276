// JSON beside a route table, its virtual hosts and its routes: all that is needed after a match, without what is usual
// (config/usual.ts).
import type { RateLimit } from '../http-filters.js';
import type { RuntimeFraction } from '../runtime.js';
import type { CertificateMatch, FilterMetadata, ForwardAction, HeaderMutations, MirrorPolicy, RouteAction,
  VirtualHost } from '../types.js';
import type { BoundFilter } from './layout.js';

export interface RouteConfigJson {
  filters: BoundFilter[]; requestHeaders: HeaderMutations; responseHeaders: HeaderMutations; mostSpecificWins: boolean
}
/** An expression that TypeScript judges, on a header, a query parameter, or with neither on the path. */
export interface RegexJson {
  header: string | null; query: string | null; pattern: string; invert: boolean; missingAsEmpty: boolean;
}
/** `headersAt` and `headerCount` are the conditions in the table; `scope`: an offset of statistics. */
export interface VirtualClusterJson {
  name: string; scope: number; headersAt: number; headerCount: number; regex: RegexJson[];
}
export interface VirtualHostJson {
  name: string; virtualClusters: VirtualClusterJson[]; requireTls: VirtualHost['requireTls'];
  retryPolicy: VirtualHost['retryPolicy']; keptBytesMax: number | null;
  includeRequestAttemptCount: boolean; includeAttemptCountInResponse: boolean; includeTimeoutRetry: boolean;
  metadata: FilterMetadata | null;
  filters: BoundFilter[]; rateLimits: RateLimit[];
  requestHeaders: HeaderMutations; responseHeaders: HeaderMutations
}
export type BoundCluster = Omit<ForwardAction['clusters'][number], 'filters'>
  & { slot: number; filters: BoundFilter[] };
export type BoundAction = Exclude<RouteAction, ForwardAction>
  | (Omit<ForwardAction, 'clusters' | 'mirrors'> & {
    clusters: BoundCluster[]; mirrors: BoundMirror[] });
export type BoundMirror = MirrorPolicy & { slot: number };
/**
 * `matchedBytes`: what a prefix rewrite replaces; -1 = all of the path. `scope`: an offset of statistics, -1 = its
 * requests are not counted apart.
 */
export interface RouteJson {
  name: string; metadata: FilterMetadata | null; action: BoundAction; filters: BoundFilter[];
  requestHeaders: HeaderMutations; responseHeaders: HeaderMutations;
  matchedBytes: number;
  runtimeFraction: RuntimeFraction | null;
  /** Absent where nothing is asked of the client's certificate. */
  certificate?: CertificateMatch;
  regex: RegexJson[];
  scope: number; keptBytesMax: number | null;
}
