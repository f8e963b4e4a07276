// route.v3.InternalRedirectPolicy: which redirects the proxy follows in the client's place.
import type { InternalRedirectPolicy as PlainPolicy, InternalRedirectPredicate } from '../../config/types.js';
import type { AllowListedRoutesConfig, InternalRedirectPolicy } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { numberOf } from './fields.js';

const package_ = 'envoy.extensions.internal_redirect';
const FOLLOWED = [301, 302, 303, 307, 308];
const CODES_DEFAULT = [302];

export function readInternalRedirectPolicy(message: InternalRedirectPolicy | undefined, path: string,
  report: Report): PlainPolicy | null {
  if (message === undefined) return null;
  const listed = message.redirectResponseCodes ?? [];
  const copyHeaders = (message.responseHeadersToCopy ?? []).map((name) => name.toLowerCase());
  copyHeaders.forEach((name, index) => {
    if (copyHeaders.indexOf(name) !== index)
      report.fail(`${path}.response_headers_to_copy[${index}]`, `${name} stands there twice`);
    if (name.startsWith(':') || name === 'host')
      report.fail(`${path}.response_headers_to_copy[${index}]`, 'must not be host or begin with a colon');
  });
  return {
    most: numberOf(message.maxInternalRedirects, 1),
    codes: listed.length === 0 ? CODES_DEFAULT : listed.filter((code) => FOLLOWED.includes(code)),
    predicates: (message.predicates ?? []).flatMap(({ typedConfig }, index): InternalRedirectPredicate[] => {
      switch (typedConfig?.type) {
        case `${package_}.previous_routes.v3.PreviousRoutesConfig`: return [{ kind: 'previousRoutes' }];
        case `${package_}.safe_cross_scheme.v3.SafeCrossSchemeConfig`: return [{ kind: 'safeCrossScheme' }];
        case `${package_}.allow_listed_routes.v3.AllowListedRoutesConfig`: return [{ kind: 'allowListedRoutes',
          names: (typedConfig.value as AllowListedRoutesConfig).allowedRouteNames ?? [] }];
        default:
          report.fail(fieldPath(path, `predicates[${index}].typed_config`),
            `not implemented: ${typedConfig?.type ?? 'no type'}`);
          return [];
      }
    }),
    allowCrossScheme: message.allowCrossSchemeRedirect ?? false,
    copyHeaders,
  };
}
