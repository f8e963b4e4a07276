// The methods of a transcoder's services by the paths and HTTP methods that google.api.http gives them.
import { limits } from '../core/limits.js';
import type { HttpRule } from './descriptor-schema.js';
import { Descriptors, DescriptorError, findField } from './descriptors.js';
import type { FieldType, MessageType, MethodType } from './descriptors.js';
import { unescapeUrl } from './percent.js';
import type { PathMatcher } from './path-matcher.js';

const HTTP_BODY = 'google.api.HttpBody';

/** What is to be known of a method before a request for it comes. */
export interface TranscodedMethod {
  method: MethodType;
  /** Of its gRPC requests. */
  path: string;
  /** Where in the request the body goes, and whether it goes as it is. */
  requestPath: FieldType[]; requestIsHttpBody: boolean;
  responsePath: FieldType[]; responseIsHttpBody: boolean;
}

/** The fields that a path names, or why there are none. */
export function resolvePath(type: MessageType, names: readonly string[]): FieldType[] | string {
  const path: FieldType[] = [];
  let current: MessageType = type;
  for (const [index, name] of names.entries()) {
    const field = findField(current, name) ?? findField(current, unescapeUrl(name, 'all', false));
    if (field === null) return `Could not find field "${name}" in the type "${current.name}".`;
    path.push(field);
    if (index === names.length - 1) break;
    if (field.message === null)
      return `Encountered a non-leaf field "${field.name}" that is not a message while parsing a field path`;
    current = field.message;
  }
  return path;
}

export interface RuleOptions { services: readonly string[]; autoMapping: boolean; templatesMax: number }

/** Adds all methods of the services. Throws DescriptorError. */
export function addServices(matcher: PathMatcher<TranscodedMethod>, descriptors: Descriptors,
    options: RuleOptions): void {
  let templates = 0;
  for (const service of options.services) {
    const methods = descriptors.services.get(service);
    if (methods === undefined) throw new DescriptorError(`there is no service ${service}`);
    for (const method of methods) {
      const rule = method.rule ?? (options.autoMapping ? autoRule(method) : null);
      const transcoded = transcodedMethod(method, rule);
      for (const [kind, template, body] of rule === null ? [] : bindingsOf(rule, 0)) {
        if (++templates > options.templatesMax)
          throw new DescriptorError(`more than ${options.templatesMax} paths`);
        if (matcher.add(kind, template, body, transcoded) === null)
          throw new DescriptorError(`${service}.${method.name}: not a path template: ${template}`);
      }
    }
  }
}

const autoRule = (method: MethodType): HttpRule =>
  ({ post: `/${method.service}/${method.name}`, body: '*', responseBody: '', additionalBindings: [] });

/** HTTP method, template and body of a rule and its further bindings. */
function bindingsOf(rule: HttpRule, depth: number): [kind: string, template: string, body: string][] {
  if (depth > limits.descriptorDepthMax)
    throw new DescriptorError('additional_bindings within additional_bindings, too deep');
  const { body } = rule;
  const own: [string, string, string][] = rule.custom !== undefined && rule.custom !== null
    ? [[rule.custom.kind, rule.custom.path, body]] : [];
  for (const kind of ['get', 'put', 'post', 'delete', 'patch'] as const) {
    const template = rule[kind];
    if (typeof template === 'string' && template !== '') own.push([kind.toUpperCase(), template, body]);
  }
  return [...own, ...rule.additionalBindings.flatMap((inner) => bindingsOf(inner, depth + 1))];
}

function transcodedMethod(method: MethodType, rule: HttpRule | null): TranscodedMethod {
  const place = `${method.service}.${method.name}`;
  const pathOf = (type: MessageType, text: string): FieldType[] => {
    const path = resolvePath(type, text === '*' ? [] : text.split('.').filter((name) => name !== ''));
    if (typeof path === 'string') throw new DescriptorError(`${place}: ${path}`);
    return path;
  };
  const isBody = (type: MessageType, path: FieldType[]): boolean =>
    (path.length === 0 ? type : path.at(-1)!.message)?.name === HTTP_BODY;
  const requestPath = pathOf(method.input, rule?.body ?? ''), responsePath = pathOf(method.output,
    rule?.responseBody ?? '');
  const responseIsHttpBody = isBody(method.output, responsePath);
  // As Envoy.
  if (responsePath.length > 0 && !responseIsHttpBody)
    throw new DescriptorError(`${place}: not implemented: response_body of a field that is no google.api.HttpBody`);
  return { method, path: `/${method.service}/${method.name}`, requestPath, responsePath, responseIsHttpBody,
    requestIsHttpBody: isBody(method.input, requestPath) };
}
