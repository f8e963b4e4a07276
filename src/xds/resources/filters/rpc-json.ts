// weft.extensions.filters.http.rpc_json_transcoder.v1.RpcJsonTranscoder: which call a route's requests are. Types,
// names and the path's template are looked at now: a call that nobody could make is refused with the configuration.
import type { RpcJsonArgument, RpcJsonCall, RpcJsonRequest, RpcJsonSource, RpcJsonTranscoderFilter }
  from '../../../config/http-filters.js';
import { limits } from '../../../core/limits.js';
import { isTextual } from '../../../transcode/rpc/arguments.js';
import { javaType, javaTypeNames } from '../../../transcode/rpc/java-types.js';
import { parseTemplate } from '../../../transcode/template.js';
import type { Argument, Call, Request, RpcJsonTranscoder } from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Report, Wrapper } from '../../wire/message.js';
import { millisecondsOf, numberOf } from '../fields.js';

export const rpcJsonTranscoderType = 'weft.extensions.filters.http.rpc_json_transcoder.v1.RpcJsonTranscoder';

const BOLT = 1, DUBBO = 2;
const httpMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** What the call says by fields of its own. */
const ownPairs = { dubbo: ['path', 'interface', 'version', 'group', 'timeout', 'application', 'remote.application',
  'generic'], bolt: ['service', 'sofa_head_target_service', 'sofa_head_method_name', 'app'] } as const;
const FORWARDED = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** HTTP's own, and the proxy's: what codecs do not take for pairs. */
const NOT_FORWARDED = new RegExp('^(weft-.*|x-(envoy-.*|service|method|version|group|class)|host|content-length|'
  + 'connection|transfer-encoding|upgrade|te|trailer|keep-alive|proxy-connection|expect|date|http2-settings|'
  + 'accept|content-type|content-encoding)$');

export function readRpcJsonTranscoder(message: RpcJsonTranscoder, path: string,
  report: Report): RpcJsonTranscoderFilter {
  const bytes = (field: Wrapper<number> | undefined, name: string): number => {
    const value = numberOf(field, limits.rpcJsonBytesDefault);
    if (value > limits.rpcJsonBytesMax)
      report.fail(fieldPath(path, name), `${value} is beyond this build's limit of ${limits.rpcJsonBytesMax}`);
    return value;
  };
  return { kind: 'rpcJsonTranscoder', maxRequestBytes: bytes(message.maxRequestBytes, 'max_request_bytes'),
    maxResponseBytes: bytes(message.maxResponseBytes, 'max_response_bytes'),
    call: message.call === undefined ? null : readCall(message.call, fieldPath(path, 'call'), report),
    request: message.request === undefined ? null
      : readRequest(message.request, fieldPath(path, 'request'), report) };
}

function readCall(message: Call, path: string, report: Report): RpcJsonCall {
  const at = (name: string): string => fieldPath(path, name);
  const protocol = message.protocol === BOLT ? 'bolt' : 'dubbo';
  if (message.protocol !== BOLT && message.protocol !== DUBBO) report.fail(at('protocol'), 'BOLT or DUBBO is required');
  if ((message.generic ?? false) && protocol !== 'dubbo') report.fail(at('generic'), 'only with protocol DUBBO');
  const attachments = Object.entries(message.attachments ?? {}).map(([name, value]) => ({ name, value }));
  for (const { name } of attachments) {
    if ((ownPairs[protocol] as readonly string[]).includes(name) || name === '')
      report.fail(`${at('attachments')}[${JSON.stringify(name)}]`, 'is said by a field of the call');
  }
  const forwardedHeaders = readForwarded(message.forwardedHeaders, at('forwarded_headers'), report);
  forwardedHeaders.forEach((name, index) => {
    if ((ownPairs[protocol] as readonly string[]).includes(name) || attachments.some((one) => one.name === name))
      report.fail(`${at('forwarded_headers')}[${index}]`, `is said by the call: ${name}`);
  });
  const call: RpcJsonCall = { protocol, service: message.service ?? '', method: message.method ?? '',
    version: message.version ?? '', group: message.group ?? '', application: message.application ?? '',
    generic: message.generic ?? false, timeoutMs: millisecondsOf(message.timeout, 0, at('timeout'), report),
    pathTemplate: message.pathTemplate ?? '', attachments, forwardedHeaders,
    arguments: readArguments(message.arguments, at('arguments'), report) };
  const template = call.pathTemplate === '' ? null : parseTemplate(call.pathTemplate);
  if (call.pathTemplate !== '' && template === null) report.fail(at('path_template'), 'is no path template');
  const variables = (template?.variables ?? []).map((variable) => variable.fieldPath.join('.'));
  checkSources(call.arguments, variables, path, report);
  return call;
}

function readRequest(message: Request, path: string, report: Report): RpcJsonRequest {
  const at = (name: string): string => fieldPath(path, name);
  const text = message.pathTemplate ?? '', result = message.result ?? '', method = message.method || 'POST';
  if (!httpMethods.includes(method)) report.fail(at('method'), `one of ${httpMethods.join(', ')} is required`);
  if (result !== '' && javaType(result) === null) report.fail(at('result'), notCarried(result));
  const args = readArguments(message.arguments, at('arguments'), report);
  const variables = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  if (/[{}]/.test(text.replace(/\{\w+\}/g, '')) || new Set(variables).size < variables.length)
    report.fail(at('path_template'), 'is no path with {name} for arguments, each once');
  checkSources(args, variables, path, report);
  if (method === 'GET' && args.some(({ source }) => source !== 'path' && source !== 'query'))
    report.fail(at('method'), 'GET has no body: arguments come by path or query');
  return { method, path: text, host: message.host ?? '', arguments: args, result,
    forwardedAttachments: readForwarded(message.forwardedAttachments, at('forwarded_attachments'), report) };
}

/** Names of headers and attachments that go from one side to the other. */
function readForwarded(names: readonly string[] | undefined, path: string, report: Report): string[] {
  (names ?? []).forEach((name, index) => {
    if (!FORWARDED.test(name) || NOT_FORWARDED.test(name))
      report.fail(`${path}[${index}]`, `no name that can be forwarded: ${name}`);
  });
  return [...names ?? []];
}

const readArguments = (messages: readonly Argument[] | undefined, path: string, report: Report): RpcJsonArgument[] =>
  (messages ?? []).map((argument, index) => readArgument(argument, index, `${path}[${index}]`, report));

const notCarried = (type: string): string => `not a type that is carried: ${type}; known: ${javaTypeNames.join(', ')}, `
  + 'and lists and maps that say what they hold';

function readArgument(message: Argument, index: number, path: string, report: Report): RpcJsonArgument {
  const text = message.type ?? '';
  const type = javaType(text);
  if (type === null) report.fail(fieldPath(path, 'type'), notCarried(text));
  const source: RpcJsonSource = message.member !== undefined ? 'member' : message.path !== undefined ? 'path'
    : message.query !== undefined ? 'query' : message.body !== undefined ? 'body' : 'item';
  const name = message.member ?? message.path ?? message.query ?? '';
  if ((source === 'path' || source === 'query') && type !== null && !isTextual(type))
    report.fail(fieldPath(path, 'type'), `a ${source} has no ${text}`);
  return { type: text, source, name, place: `argument ${name === '' ? index + 1 : JSON.stringify(name)}` };
}

/** Each argument has one place, and each place one argument. */
function checkSources(args: readonly RpcJsonArgument[], variables: readonly string[], path: string,
  report: Report): void {
  const ofBody = args.find(({ source }) => source !== 'path' && source !== 'query')?.source;
  args.forEach(({ source, name }, index) => {
    const at = `${fieldPath(path, 'arguments')}[${index}]`;
    if (source === 'path' && !variables.includes(name))
      report.fail(`${at}.path`, `no variable of path_template: ${name}`);
    if (source !== 'path' && source !== 'query' && source !== ofBody)
      report.fail(at, 'the body is a list, an object or one argument, the same for all that come from it');
    if (source !== 'item' && args.findIndex((one) => one.source === source && one.name === name) < index)
      report.fail(at, source === 'body' ? 'the body is one argument' : `taken by another argument: ${name}`);
  });
  for (const variable of variables) {
    if (!args.some(({ source, name }) => source === 'path' && name === variable))
      report.fail(fieldPath(path, 'path_template'), `no argument takes the variable ${variable}`);
  }
}
