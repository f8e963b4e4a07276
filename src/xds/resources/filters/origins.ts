// The filters that look at Origin: cors.v3.CorsPolicy and csrf.v3.CsrfPolicy.
import type { CorsPolicy as PlainCorsPolicy, CsrfFilter } from '../../../config/http-filters.js';
import { always, never } from '../../../config/runtime.js';
import type { CorsPolicy, CsrfPolicy } from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Report } from '../../wire/message.js';
import { readStringMatcher } from '../matchers.js';
import { readRuntimeFraction } from '../runtime.js';

export function readCorsPolicy(message: CorsPolicy, path: string, report: Report): PlainCorsPolicy {
  return {
    allowOrigins: (message.allowOriginStringMatch ?? []).map((matcher, index) =>
      readStringMatcher(matcher, `${fieldPath(path, 'allow_origin_string_match')}[${index}]`, report)),
    allowMethods: message.allowMethods ?? '',
    allowHeaders: message.allowHeaders ?? '',
    exposeHeaders: message.exposeHeaders ?? '',
    maxAge: message.maxAge ?? '',
    allowCredentials: message.allowCredentials?.value ?? (message.allowCredentials === undefined ? null : false),
    allowPrivateNetwork: message.allowPrivateNetworkAccess?.value
      ?? (message.allowPrivateNetworkAccess === undefined ? null : false),
    forwardNotMatchingPreflights: message.forwardNotMatchingPreflights?.value
      ?? (message.forwardNotMatchingPreflights === undefined ? null : false),
    enabled: readRuntimeFraction(message.filterEnabled, always),
    shadowEnabled: readRuntimeFraction(message.shadowEnabled, never),
  };
}

export function readCsrf(message: CsrfPolicy, path: string, report: Report): CsrfFilter {
  return {
    kind: 'csrf',
    enabled: readRuntimeFraction(message.filterEnabled, always),
    shadowEnabled: readRuntimeFraction(message.shadowEnabled, never),
    additionalOrigins: (message.additionalOrigins ?? []).map((matcher, index) =>
      readStringMatcher(matcher, `${fieldPath(path, 'additional_origins')}[${index}]`, report)),
  };
}
