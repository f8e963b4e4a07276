// Access logs as configuration has them.
import type { MetadataMatcher } from './metadata-matcher.js';
import type { RuntimeFraction, RuntimeNumber } from './runtime.js';
import type { HeaderMatcher } from './values.js';

export type AccessLogFormat =
  | { kind: 'text'; format: string; omitEmptyValues: boolean }
  | { kind: 'json'; fields: JsonFormat; omitEmptyValues: boolean };
export type JsonFormat = { [key: string]: string | number | boolean | null | JsonFormat | JsonFormat[] };
export interface AccessLog {
  sink: { kind: 'file'; path: string } | { kind: 'stdout' } | { kind: 'stderr' };
  format: AccessLogFormat;
  filter: AccessLogFilter | null;     // null: every entry
}
/** envoy.config.accesslog.v3.AccessLogFilter; also what a local reply mapper asks. */
export type AccessLogFilter =
  | { kind: 'statusCode' | 'duration'; comparison: 'eq' | 'ge' | 'le'; value: RuntimeNumber }
  | { kind: 'notHealthCheck' }
  | { kind: 'runtime'; fraction: RuntimeFraction; independentRandomness: boolean }
  | { kind: 'and' | 'or'; filters: AccessLogFilter[] }
  | { kind: 'header'; matcher: HeaderMatcher }
  | { kind: 'responseFlag'; flags: string[] }                       // none: any flag
  | { kind: 'grpcStatus'; statuses: number[]; exclude: boolean }
  | { kind: 'metadata'; matcher: MetadataMatcher | null; ifMissing: boolean }
  | { kind: 'logType'; types: string[]; exclude: boolean };
/** envoy...HcmAccessLogOptions */
export interface AccessLogOptions { flushIntervalMs: number; onNewRequest: boolean; onTunnelEstablished: boolean }
