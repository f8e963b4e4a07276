// set_metadata and header_to_metadata: dynamic metadata of a stream, which formats, matchers and balancers read.
import type { HeaderToMetadataFilter as HeaderConfig, HeaderToMetadataRule, MetadataPair, SetMetadataFilter as Config }
  from '../../config/http-filters.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { Replacement } from '../routing/expression.js';
import { CompiledMutations } from '../routing/mutations.js';
import { recordHeader, requestHeader } from '../routing/regex.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

type Struct = { [key: string]: unknown };
const VALUE_BYTES_MAX = 8 * 1024;
const isStruct = (value: unknown): value is Struct =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Merged as Envoy's StructUtil::update: structs field by field, lists appended, everything else replaced. */
function merged(into: Struct, from: Struct): Struct {
  const result = { ...into };
  for (const [key, value] of Object.entries(from)) {
    const known = result[key];
    result[key] = isStruct(known) && isStruct(value) ? merged(known, value)
      : Array.isArray(known) && Array.isArray(value) ? [...known as unknown[], ...value as unknown[]] : value;
  }
  return result;
}

/** Metadata with these entries. Nothing is changed in place: what streams hold may be shared. */
function withEntries(metadata: Struct, entries: Config['entries']): Struct {
  const result = { ...metadata };
  for (const { namespace, allowOverwrite, value } of entries) {
    const known = result[namespace] as Struct | undefined;
    if (known === undefined) result[namespace] = value;
    else if (allowOverwrite) result[namespace] = merged(known, value);
  }
  return result;
}

export class SetMetadataFilter implements HttpFilter {
  /** What a stream without metadata gets: all of them the same. */
  private readonly usual: Struct;

  constructor(private readonly config: Config) { this.usual = withEntries({}, config.entries); }

  onRequest(stream: Stream): number {
    stream.metadata = stream.metadata === null ? this.usual : withEntries(stream.metadata, this.config.entries);
    return CONTINUE;
  }

  release(): void { /* nothing in the arena */ }
}

interface Rule extends HeaderToMetadataRule { replacement: Replacement | null }

export class HeaderToMetadataFilter implements HttpFilter {
  private readonly request: readonly Rule[];
  private readonly response: readonly Rule[];
  private readonly removal: CompiledMutations | null;
  private readonly responseRemoval: CompiledMutations | null;

  constructor(private readonly engine: Engine, config: HeaderConfig) {
    this.request = config.requestRules.map(compiled);
    this.response = config.responseRules.map(compiled);
    this.removal = removalOf(engine, config.requestRules);
    this.responseRemoval = removalOf(engine, config.responseRules);
  }

  onRequest(stream: Stream, actions: Actions): number {
    for (const rule of this.request) this.apply(stream, rule, this.engine.requestRecord);
    return this.removal === null || actions.mutate(stream, this.removal) ? CONTINUE : ANSWERED;
  }

  onResponse(stream: Stream, record: number): void {
    for (const rule of this.response) this.apply(stream, rule, record);
  }
  responseMutations(): CompiledMutations | null { return this.responseRemoval; }

  release(): void {
    this.removal?.release();
    this.responseRemoval?.release();
  }

  private header(record: number, name: string): string | null {
    const { engine } = this;
    return record === engine.requestRecord ? requestHeader(engine, name) : recordHeader(engine, record, name);
  }

  private apply(stream: Stream, rule: Rule, record: number): void {
    const value = record === 0 ? null : rule.cookie === '' ? this.header(record, rule.header)
      : cookieOf(recordHeader(this.engine, record, 'cookie', '; '), rule.cookie);
    if (value !== null && rule.onPresent !== null) {
      const text = rule.onPresent.value !== '' ? rule.onPresent.value
        : rule.replacement === null ? value : rule.replacement.apply(value);
      if (text !== '') add(stream, rule.onPresent, text);
    } else if (value === null && rule.onMissing !== null) add(stream, rule.onMissing, rule.onMissing.value);
  }
}

const compiled = (rule: HeaderToMetadataRule): Rule => ({ ...rule,
  replacement: rule.onPresent === null || rule.onPresent.rewrite === null ? null
    : new Replacement(rule.onPresent.rewrite) });

function removalOf(engine: Engine, rules: readonly HeaderToMetadataRule[]): CompiledMutations | null {
  const remove = rules.filter((rule) => rule.remove && rule.header !== '').map(({ header }) => header);
  const mutations = CompiledMutations.compile(engine, [{ add: [], remove }]);
  if (mutations === 'full') throw new Error('the arena has no room for header_to_metadata');
  return mutations;
}

function add(stream: Stream, pair: MetadataPair, text: string): void {
  if (text.length > VALUE_BYTES_MAX) return;
  let value: string | number = text;
  if (pair.base64) {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return;
    value = atob(text);
  }
  if (pair.number) {
    value = Number(value);
    if (text.trim() === '' || Number.isNaN(value)) return;
  }
  const known = stream.metadata?.[pair.namespace] as Struct | undefined;
  stream.metadata = { ...stream.metadata, [pair.namespace]: { ...known, [pair.key]: value } };
}

function cookieOf(header: string | null, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) {
      const value = pair.slice(equals + 1).trim();
      return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return null;
}
