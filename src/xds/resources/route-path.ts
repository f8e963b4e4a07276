// What a route asks of the path: a prefix, the whole path, an expression, or a URI template, which becomes one.
import type { RouteMatch as PlainMatch } from '../../config/types.js';
import type { RouteMatch, UriTemplateMatchConfig } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { readRegex, readTemplate } from './expressions.js';
import type { Template } from './expressions.js';

const templateType = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';
/** The path condition of a match; an expression matches the whole path, without its query. */
export function readPath(match: RouteMatch, path: string, report: Report): PlainMatch['path'] {
  if (match.connectMatcher !== undefined) return { kind: 'connect' };
  if (match.path !== undefined) return { kind: 'path', value: match.path };
  if (match.pathSeparatedPrefix !== undefined) return { kind: 'pathSeparatedPrefix', value: match.pathSeparatedPrefix };
  if (match.safeRegex !== undefined)
    return { kind: 'regex', value: readRegex(match.safeRegex, fieldPath(path, 'safe_regex'), report) };
  if (match.pathMatchPolicy === undefined) return { kind: 'prefix', value: match.prefix ?? '' };
  const template = templateOf(match);
  if (typeof template === 'string') report.fail(`${path}.path_match_policy.typed_config`, template);
  return { kind: 'regex', value: typeof template === 'string' ? '' : template.pattern };
}

/** The URI template of a match, or what is wrong with its policy. */
export function templateOf(match: RouteMatch): Template | string {
  const any = match.pathMatchPolicy?.typedConfig;
  if (any === undefined || any.type !== templateType) return `not implemented: ${any?.type ?? 'no type'}`;
  return readTemplate((any.value as UriTemplateMatchConfig).pathTemplate ?? '');
}
