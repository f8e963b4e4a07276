// A DiscoveryResponse file into compiled resources: each by itself, so that a bad one costs only itself.
import { readFileSync, statSync } from 'node:fs';
import { limits } from '../../core/limits.js';
import { resourceTypeUrls } from '../store.js';
import type { ResourceKind } from '../store.js';
import type { DiscoveryResponse } from '../wire/generated/messages.js';
import { JsonReader } from '../wire/json-reader.js';
import { Report } from '../wire/message.js';
import type { Any, Json } from '../wire/message.js';
import { formatProblems } from './problems.js';
import { compileResource, messageTypeOf, resourceName } from './resource.js';
import type { CompiledResource } from './resource.js';
import { looksLikeJson, parseText } from './text.js';
import type { ParsedText } from './text.js';

const responseType = 'envoy.service.discovery.v3.DiscoveryResponse';

export interface ResponseSource { path: string; kind: ResourceKind; allowUnknownFields: boolean }

export interface CompiledResponse {
  /** Why the file as a whole is of no use; then nothing else counts. */
  failure: string | null;
  versionInfo: string;
  resources: CompiledResource[];
  /** `known` is false where the resource's name could not be read; `name` then says where it stands. */
  rejected: { name: string; known: boolean; details: string }[];
  /** Unknown fields that were let pass, one line each. */
  warnings: string[];
}

/** Reads, decodes and converts a file of resources of one kind. */
export function compileResponse({ path: file, kind, allowUnknownFields }: ResponseSource): CompiledResponse {
  const result: CompiledResponse = { failure: null, versionInfo: '', resources: [], rejected: [], warnings: [] };
  const report = new Report(allowUnknownFields, limits.configErrorsMax);
  let parsed: ParsedText | null = null;
  try {
    if (statSync(file).size > limits.configFileBytesMax) {
      throw new Error(`larger than ${limits.configFileBytesMax} bytes`);
    }
    const text = readFileSync(file, 'utf8');
    parsed = parseText(text, looksLikeJson(file, text), report);
  } catch (error) {
    report.fail('', `cannot be read: ${(error as Error).message}`);
  }
  if (parsed === null || !report.ok) return { ...result, failure: formatProblems(file, report, parsed).join('; ') };
  const { tree } = parsed;
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    return { ...result, failure: `${file}: expected an object` };
  }
  const { resources = [], ...head } = responseOf(tree, kind);
  const response = new JsonReader(report, parsed.yaml).read(responseType, head, '') as DiscoveryResponse;
  if (!Array.isArray(resources)) report.fail('resources', 'expected a list');
  if (response.typeUrl !== undefined && response.typeUrl !== resourceTypeUrls[kind]) {
    report.fail('type_url', `expected ${resourceTypeUrls[kind]}, got ${response.typeUrl}`);
  }
  if (!report.ok) return { ...result, failure: formatProblems(file, report, parsed).join('; ') };
  result.versionInfo = response.versionInfo ?? '';
  const names = new Set<string>();
  (resources as Json[]).forEach((resource, index) => {
    compileOne(resource, index, { path: file, kind, allowUnknownFields }, parsed, names, result);
  });
  return result;
}

/** A file may hold one Secret and nothing around it. */
function responseOf(tree: { [key: string]: Json }, kind: ResourceKind): { [key: string]: Json } {
  if (kind !== 'secret' || 'resources' in tree || !secretFields.some((field) => field in tree)) return tree;
  return { resources: [{ '@type': resourceTypeUrls.secret, ...tree }] };
}
const secretFields = ['tls_certificate', 'tlsCertificate', 'validation_context', 'validationContext',
  'session_ticket_keys', 'sessionTicketKeys'];

function compileOne(resource: Json, index: number, source: ResponseSource, parsed: ParsedText, names: Set<string>,
  result: CompiledResponse): void {
  const { kind } = source;
  const path = `resources[${index}]`;
  const report = new Report(source.allowUnknownFields, limits.configErrorsMax);
  const any = new JsonReader(report, parsed.yaml).readAny(resource, path);
  let name = `${source.path}: ${path}`;
  let known = false;
  if (any?.value !== undefined && any.type === messageTypeOf(kind)) {
    known = resourceName(kind, any.value) !== '';
    if (known) name = resourceName(kind, any.value);
    if (names.has(name)) report.fail(path, `duplicate ${kind} ${name} found`);
    names.add(name);
    const compiled = report.ok ? compileResource(kind, any.value, null, path, report) : null;
    if (report.ok && compiled !== null) result.resources.push(compiled);
  } else if (report.ok) {
    report.fail(path, wrongType(any, kind));
  }
  const details = formatProblems(source.path, report, parsed);
  if (details.length > 0) result.rejected.push({ name, known, details: details.join('; ') });
  result.warnings.push(...report.warnings.map((warning) => `${source.path}: ${warning.path}: ${warning.reason}`));
}

const wrongType = (any: Any | undefined, kind: ResourceKind): string =>
  `expected a resource of the type ${resourceTypeUrls[kind]}, got ${any?.typeUrl ?? 'nothing'}`;
