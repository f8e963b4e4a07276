// route.v3.RouteAction.HashPolicy: what a request's hash is made of.
import type { HashPolicy } from '../../config/types.js';
import type { RouteActionHashPolicy } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { readSubstitution } from './expressions.js';
import { millisecondsOf } from './fields.js';

export function readHashPolicy(message: RouteActionHashPolicy, path: string, report: Report): HashPolicy[] {
  const terminal = message.terminal ?? false;
  if (message.header !== undefined) {
    const at = fieldPath(path, 'header');
    return [{ kind: 'header', terminal, name: (message.header.headerName ?? '').toLowerCase(),
      rewrite: readSubstitution(message.header.regexRewrite, fieldPath(at, 'regex_rewrite'), report) }];
  }
  if (message.cookie !== undefined) {
    const { name = '', ttl, path: cookiePath = '', attributes = [] } = message.cookie;
    const ttlMs = millisecondsOf(ttl, null, `${path}.cookie.ttl`, report);
    return [{ kind: 'cookie', terminal, name, path: cookiePath,
      ttlSeconds: ttlMs === null ? null : Math.floor(ttlMs / 1000),
      attributes: attributes.map((attribute) => attribute.value === undefined || attribute.value === ''
        ? `; ${attribute.name}` : `; ${attribute.name}=${attribute.value}`).join('') }];
  }
  if (message.queryParameter !== undefined)
    return [{ kind: 'queryParameter', terminal, name: message.queryParameter.name ?? '' }];
  if (message.connectionProperties !== undefined)
    return message.connectionProperties.sourceIp === true ? [{ kind: 'sourceIp', terminal }] : [];
  return [];
}
