// The filters that change headers or make metadata of them: header_mutation, set_metadata, header_to_metadata.
import type { FilterMutation, HeaderMutationFilter, HeaderToMetadataFilter, HeaderToMetadataRule, MetadataPair,
  SetMetadataFilter } from '../../../config/http-filters.js';
import type { ConfigKeyValuePair, ConfigRule, Mutation_rulesHeaderMutation as HeaderMutation, Header_to_metadataConfig,
  Mutations,
  Set_metadataConfig } from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Report } from '../../wire/message.js';
import { readSubstitution } from '../expressions.js';
import { readAdditions, readRemovals } from '../header-mutations.js';

const HEADER_TO_METADATA = 'envoy.filters.http.header_to_metadata';
const PROTOBUF_VALUE = 2;

export function readHeaderMutation(mutations: Mutations | undefined, mostSpecificWins: boolean, path: string,
  report: Report): HeaderMutationFilter {
  const at = fieldPath(path, 'mutations');
  return { kind: 'headerMutation', mostSpecificWins,
    request: readMutations(mutations?.requestMutations, fieldPath(at, 'request_mutations'), report),
    response: readMutations(mutations?.responseMutations, fieldPath(at, 'response_mutations'), report) };
}

export function readMutations(messages: HeaderMutation[] | undefined, path: string, report: Report): FilterMutation[] {
  return (messages ?? []).map((message, index): FilterMutation => {
    const at = `${path}[${index}]`;
    if (message.append !== undefined)
      return { add: readAdditions([message.append], at, 'append', report)[0]! };
    return { remove: readRemovals([message.remove ?? ''], at, 'remove', report)[0]! };
  });
}

export function readSetMetadata(message: Set_metadataConfig): SetMetadataFilter {
  const legacy = message.metadataNamespace === undefined || message.metadataNamespace === '' ? []
    : [{ namespace: message.metadataNamespace, allowOverwrite: true, value: message.value ?? {} }];
  return { kind: 'setMetadata', entries: [...legacy, ...(message.metadata ?? []).map((entry) =>
    ({ namespace: entry.metadataNamespace ?? '', allowOverwrite: entry.allowOverwrite ?? false,
      value: entry.value ?? {} }))] };
}

export function readHeaderToMetadata(message: Header_to_metadataConfig, path: string,
  report: Report): HeaderToMetadataFilter {
  const rules = (list: ConfigRule[] | undefined, name: string): HeaderToMetadataRule[] =>
    (list ?? []).map((rule, index) => readRule(rule, `${fieldPath(path, name)}[${index}]`, report));
  if ((message.requestRules ?? []).length + (message.responseRules ?? []).length === 0)
    report.fail(path, 'at least one of request_rules and response_rules is required');
  return { kind: 'headerToMetadata', requestRules: rules(message.requestRules, 'request_rules'),
    responseRules: rules(message.responseRules, 'response_rules') };
}

function readRule(rule: ConfigRule, path: string, report: Report): HeaderToMetadataRule {
  const header = (rule.header ?? '').toLowerCase(), cookie = rule.cookie ?? '';
  if ((header === '') === (cookie === '')) report.fail(path, 'one of header and cookie is required');
  if (rule.onHeaderPresent === undefined && rule.onHeaderMissing === undefined)
    report.fail(path, 'one of on_header_present and on_header_missing is required');
  if (cookie !== '' && rule.remove === true) report.fail(fieldPath(path, 'remove'), 'cannot be set for cookies');
  const missing = readPair(rule.onHeaderMissing, fieldPath(path, 'on_header_missing'), report);
  if (missing !== null && missing.rewrite !== null)
    report.fail(`${path}.on_header_missing.regex_value_rewrite`, 'not implemented: there is nothing to rewrite');
  else if (missing !== null && missing.value === '') report.fail(`${path}.on_header_missing.value`, 'required');
  return { header, cookie, remove: rule.remove ?? false, onMissing: missing,
    onPresent: readPair(rule.onHeaderPresent, fieldPath(path, 'on_header_present'), report) };
}

function readPair(pair: ConfigKeyValuePair | undefined, path: string, report: Report): MetadataPair | null {
  if (pair === undefined) return null;
  if (pair.type === PROTOBUF_VALUE) report.fail(fieldPath(path, 'type'), 'not implemented: PROTOBUF_VALUE');
  if (pair.value !== undefined && pair.value !== '' && pair.regexValueRewrite !== undefined)
    report.fail(fieldPath(path, 'regex_value_rewrite'), 'must not be set beside value');
  return { namespace: pair.metadataNamespace === undefined || pair.metadataNamespace === '' ? HEADER_TO_METADATA
    : pair.metadataNamespace, key: pair.key ?? '', value: pair.value ?? '',
  rewrite: readSubstitution(pair.regexValueRewrite, fieldPath(path, 'regex_value_rewrite'), report),
  number: pair.type === 1, base64: pair.encode === 1 };
}
