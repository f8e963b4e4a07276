// Writes a route configuration as the binary table that assembly/routing/match.ts searches (layouts:
// scripts/layouts.mjs, RouteTable). Conditions are binary; what happens after a match stays JSON beside its route,
// parsed by a worker the first time the route is hit.
import {
  Header, HostSlotRecordBytes, RouteEntry, RouteEntryFlag, RouteEntryRecordBytes, RouteTable, RouteTableFlag,
  RouteTableRecordBytes, ValueMatcher, ValueMatcherFlag, ValueMatcherRecordBytes, VirtualHostEntryRecordBytes,
} from '../../core/generated/layouts.js';
import type { FilterOverride } from '../http-filters.js';
import type { HeaderMatcher, QueryParameterMatcher, Route, RouteAction, RouteConfig, StringMatcher,
  VirtualHost } from '../types.js';
import { routeConfigJsonForm, routeJsonForm, virtualHostJsonForm } from '../usual.js';
import { bindFilters } from './filters.js';
import type { FilterBindings } from './filters.js';
import type { BoundFilter } from './layout.js';
import type { RouteConfigJson, RegexJson, VirtualClusterJson, VirtualHostJson, BoundAction,
  RouteJson } from './route-json.js';

/** Path kinds of a RouteEntry; an expression is its literal beginning, as a prefix, and a condition. */
const PATH_KINDS = { prefix: 0, regex: 0, path: 1, connect: 2, pathSeparatedPrefix: 3 } as const;
const KINDS = { exact: 0, prefix: 1, suffix: 2, contains: 3, regex: 4, present: 5, range: 6 } as const;
const PSEUDO: Record<string, number> = { ':method': 250, ':path': 251, ':authority': 252, host: 252, ':scheme': 253 };
const known = Header as Readonly<Record<string, number>>;

/** FNV-1a, as hashLower in assembly/routing/match.ts; the text is lower case already. */
function hashHost(text: Uint8Array): number {
  let hash = 2166136261;
  for (const byte of text) hash = Math.imul(hash ^ byte, 16777619);
  return hash === 0 ? 1 : hash >>> 0;
}

/**
 * Contents of a route blob (without the blob header). `clusterSlot` binds a cluster name to its slot, whether or not
 * the cluster exists yet; `scope` gives the statistics of a virtual cluster or a route.
 */
export function encodeRouteTable(config: RouteConfig, clusterSlot: (name: string) => number,
  scope: (name: string) => number, filters: FilterBindings): Uint8Array {
  return new TableWriter(config, clusterSlot, scope, filters).write();
}

interface HostName { text: Uint8Array; virtualHost: number }

class TableWriter {
  private bytes = new Uint8Array(4096);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private readonly strings = new Map<string, number>();

  constructor(private readonly config: RouteConfig, private readonly clusterSlot: (name: string) => number,
    private readonly scope: (name: string) => number, private readonly bindings: FilterBindings) {}

  write(): Uint8Array {
    const { config } = this;
    const exact: HostName[] = [], suffix: HostName[] = [], prefix: HostName[] = [];
    let defaultVirtualHost = -1;
    config.virtualHosts.forEach((host, index) => {
      for (const domain of host.domains) {
        if (domain === '*') defaultVirtualHost = index;
        else if (domain.startsWith('*')) suffix.push({ text: Buffer.from(domain.slice(1)), virtualHost: index });
        else if (domain.endsWith('*')) prefix.push({ text: Buffer.from(domain.slice(0, -1)), virtualHost: index });
        else exact.push({ text: Buffer.from(domain), virtualHost: index });
      }
    });
    const table = this.reserve(RouteTableRecordBytes);
    const set = (field: keyof typeof RouteTable, value: number) =>
      this.view.setUint32(table + RouteTable[field] * 4, value >>> 0, true);
    set('flags', config.ignorePortInHostMatching ? RouteTableFlag.ignorePort : 0);
    set('defaultVirtualHost', defaultVirtualHost);
    const exactTable = this.hostTable(exact), suffixTable = this.hostTable(suffix),
      prefixTable = this.hostTable(prefix);
    set('exactAt', exactTable.at); set('exactMask', exactTable.mask);
    set('suffixAt', suffixTable.at); set('suffixMask', suffixTable.mask);
    set('suffixLengthsAt', suffixTable.lengthsAt); set('suffixLengthCount', suffixTable.lengthCount);
    set('prefixAt', prefixTable.at); set('prefixMask', prefixTable.mask);
    set('prefixLengthsAt', prefixTable.lengthsAt); set('prefixLengthCount', prefixTable.lengthCount);
    const routeCount = config.virtualHosts.reduce((sum, host) => sum + host.routes.length, 0);
    const hostsAt = this.reserve(config.virtualHosts.length * VirtualHostEntryRecordBytes);
    const routesAt = this.reserve(routeCount * RouteEntryRecordBytes);
    set('virtualHostCount', config.virtualHosts.length); set('virtualHostsAt', hostsAt);
    set('routeCount', routeCount); set('routesAt', routesAt);
    const json: RouteConfigJson = { filters: this.filters(config.filters, ''), requestHeaders: config.requestHeaders,
      responseHeaders: config.responseHeaders,
      mostSpecificWins: config.mostSpecificHeaderMutationsWins };
    const [jsonAt, jsonBytes] = this.text(routeConfigJsonForm.text(json));
    set('configJsonAt', jsonAt); set('configJsonBytes', jsonBytes);
    const [nameAt, nameBytes] = this.text(config.name);
    set('nameAt', nameAt); set('nameBytes', nameBytes);
    let next = 0;
    config.virtualHosts.forEach((host, index) => {
      this.virtualHost(hostsAt + index * VirtualHostEntryRecordBytes, host, next);
      for (const route of host.routes) this.route(routesAt + next++ * RouteEntryRecordBytes, route, index);
    });
    return this.bytes.subarray(0, this.length);
  }

  private virtualHost(at: number, host: VirtualHost, firstRoute: number): void {
    const virtualClusters = host.virtualClusters.map(({ name, headers }): VirtualClusterJson => ({ name,
      scope: this.scope(`${host.name}.vcluster.${name}`), headerCount: headers.length,
      regex: headerExpressions(headers),
      headersAt: this.matchers(headers.map((header) => this.headerMatcher(header))) }));
    const json: VirtualHostJson = { name: host.name, virtualClusters, requireTls: host.requireTls,
      retryPolicy: host.retryPolicy, keptBytesMax: host.keptBytesMax, rateLimits: host.rateLimits,
      filters: this.filters(host.filters, host.name),
      includeRequestAttemptCount: host.includeRequestAttemptCount,
      includeAttemptCountInResponse: host.includeAttemptCountInResponse,
      includeTimeoutRetry: host.includeTimeoutRetry, metadata: host.metadata,
      requestHeaders: host.requestHeaders, responseHeaders: host.responseHeaders };
    this.words(at, [firstRoute, host.routes.length, ...this.text(virtualHostJsonForm.text(json))]);
  }

  private route(at: number, route: Route, virtualHost: number): void {
    const { match } = route;
    const scope = route.statPrefix === '' ? -1
      : this.scope(`${this.config.virtualHosts[virtualHost].name}.route.${route.statPrefix}`);
    const value = match.path.kind === 'connect' ? '' : match.path.value;
    const regex: RegexJson[] = [];
    const byExpression = match.path.kind === 'regex';
    if (byExpression) regex.push({ header: null, query: null, pattern: value, invert: false, missingAsEmpty: false });
    regex.push(...headerExpressions(match.headers));
    for (const query of match.queryParameters) {
      if (query.match.kind === 'regex')
        regex.push({ header: null, query: query.name, pattern: query.match.value, invert: false,
          missingAsEmpty: false });
    }
    const needsText = regex.length > 0 || match.runtimeFraction !== null || match.certificate !== null;
    const flags = (match.caseSensitive || byExpression ? 0 : RouteEntryFlag.ignoreCase)
      | (needsText ? RouteEntryFlag.needsText : 0);
    const [valueAt, valueBytes] = this.text(byExpression ? literalPrefix(value) : value);
    const headersAt = this.matchers(match.headers.map((header) => this.headerMatcher(header)));
    const queryAt = this.matchers(match.queryParameters.map((query) => this.queryMatcher(query)));
    const place = `${this.config.virtualHosts[virtualHost].name}\n${at}`;
    const json: RouteJson = { name: route.name, metadata: route.metadata, action: this.bind(route.action, place),
      filters: this.filters(route.filters, place),
      requestHeaders: route.requestHeaders, responseHeaders: route.responseHeaders,
        matchedBytes: byExpression ? -1 : valueBytes, regex, scope, keptBytesMax: route.keptBytesMax,
      runtimeFraction: match.runtimeFraction,
      ...(match.certificate !== null && { certificate: match.certificate }) };
    const [jsonAt, jsonBytes] = this.text(routeJsonForm.text(json));
    const words = new Array<number>(RouteEntryRecordBytes / 4).fill(0);
    words[RouteEntry.pathKind] = PATH_KINDS[match.path.kind]; words[RouteEntry.flags] =
      flags; words[RouteEntry.valueAt] = valueAt;
    words[RouteEntry.valueBytes] = valueBytes;
    words[RouteEntry.headersAt] = headersAt; words[RouteEntry.headerCount] = match.headers.length;
    words[RouteEntry.queryAt] = queryAt; words[RouteEntry.queryCount] = match.queryParameters.length;
    words[RouteEntry.jsonAt] = jsonAt; words[RouteEntry.jsonBytes] = jsonBytes;
    words[RouteEntry.virtualHost] = virtualHost;
    this.words(at, words);
  }

  private filters(filters: readonly FilterOverride[], place: string): BoundFilter[] {
    return bindFilters(filters, `route ${this.config.name}\n${place}`, '', this.bindings);
  }

  private bind(action: RouteAction, place: string): BoundAction {
    if (action.kind !== 'forward') return action;
    const bound = <T extends { cluster: string; clusterHeader: string | null }>(target: T) =>
      ({ ...target, slot: target.clusterHeader === null ? this.clusterSlot(target.cluster) : -1 });
    return { ...action, mirrors: action.mirrors.map(bound), clusters: action.clusters.map((cluster, index) =>
      ({ ...bound(cluster), filters: this.filters(cluster.filters, `${place}\n${index}`) })) };
  }

  private headerMatcher(header: HeaderMatcher): number[] {
    const flags = (header.invert ? ValueMatcherFlag.invert : 0)
      | (header.treatMissingAsEmpty ? ValueMatcherFlag.missingAsEmpty : 0);
    return this.matcher(header.name, header.match, flags, PSEUDO[header.name] ?? known[header.name] ?? 0);
  }

  private queryMatcher(query: QueryParameterMatcher): number[] { return this.matcher(query.name, query.match, 0, 0); }

  private matcher(name: string, match: HeaderMatcher['match'], flags: number, knownId: number): number[] {
    const words = new Array<number>(ValueMatcherRecordBytes / 4).fill(0);
    words[ValueMatcher.kind] = KINDS[match.kind];
    if (match.kind === 'present' && !match.present) flags |= ValueMatcherFlag.presentFalse;
    if ('ignoreCase' in match && match.ignoreCase) flags |= ValueMatcherFlag.ignoreCase;
    words[ValueMatcher.flags] = flags;
    words[ValueMatcher.known] = knownId;
    [words[ValueMatcher.nameAt], words[ValueMatcher.nameBytes]] = this.text(name);
    if (isText(match)) [words[ValueMatcher.valueAt], words[ValueMatcher.valueBytes]] = this.text(match.value);
    if (match.kind === 'range') {
      const range = new BigInt64Array([BigInt(match.start), BigInt(match.end)]);
      const halves = new Uint32Array(range.buffer);
      for (let i = 0; i < 4; i++) words[ValueMatcher.startLow + i] = halves[i];
    }
    return words;
  }

  private matchers(list: number[][]): number {
    if (list.length === 0) return 0;
    const at = this.reserve(list.length * ValueMatcherRecordBytes);
    list.forEach((words, index) => this.words(at + index * ValueMatcherRecordBytes, words));
    return at;
  }

  /** Open addressing at most half full, so that probes stay short; lengths are listed longest first. */
  private hostTable(names: HostName[]): { at: number; mask: number; lengthsAt: number; lengthCount: number } {
    if (names.length === 0) return { at: 0, mask: 0, lengthsAt: 0, lengthCount: 0 };
    let slots = 2;
    while (slots < names.length * 2) slots *= 2;
    const at = this.reserve(slots * HostSlotRecordBytes);
    for (const { text, virtualHost } of names) {
      const hash = hashHost(text);
      let slot = hash & (slots - 1);
      while (this.view.getUint32(at + slot * HostSlotRecordBytes, true) !== 0) slot = (slot + 1) & (slots - 1);
      const [stringAt, stringBytes] = this.text(Buffer.from(text).toString('latin1'), 'latin1');
      this.words(at + slot * HostSlotRecordBytes, [hash, stringAt, stringBytes, virtualHost]);
    }
    const lengths = [...new Set(names.map(({ text }) => text.length))].sort((a, b) => b - a);
    const lengthsAt = this.reserve(lengths.length * 4);
    this.words(lengthsAt, lengths);
    return { at, mask: slots - 1, lengthsAt, lengthCount: lengths.length };
  }

  /** Interned: the same text is stored once per table. */
  private text(text: string, encoding: BufferEncoding = 'utf8'): [number, number] {
    const bytes = Buffer.from(text, encoding);
    let at = this.strings.get(text);
    if (at === undefined) {
      at = this.reserve(bytes.length);
      this.bytes.set(bytes, at);
      this.strings.set(text, at);
    }
    return [at, bytes.length];
  }

  private reserve(size: number): number {
    const at = this.length;
    this.length += Math.ceil(size / 8) * 8;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }

  private words(at: number, words: readonly number[]): void {
    words.forEach((word, index) => this.view.setUint32(at + index * 4, word >>> 0, true));
  }
}

function headerExpressions(headers: readonly HeaderMatcher[]): RegexJson[] {
  return headers.flatMap(({ name, match, invert, treatMissingAsEmpty }) => match.kind !== 'regex' ? []
    : [{ header: name, query: null, pattern: match.value, invert, missingAsEmpty: treatMissingAsEmpty }]);
}

const isText = (match: HeaderMatcher['match']): match is StringMatcher => 'value' in match;

/**
 * The text that whatever an expression matches begins with; '' when that cannot be told at a glance. Only plain
 * characters and escaped punctuation are taken, up to the first operator, and none where '|' leaves a choice.
 */
export function literalPrefix(pattern: string): string {
  if (pattern.includes('|')) return '';
  let prefix = '';
  for (let at = pattern.startsWith('^') ? 1 : 0; at < pattern.length; at++) {
    let character = pattern[at];
    if (character === '\\') {
      character = pattern[++at];
      if (character === undefined || /[A-Za-z0-9]/.test(character)) return prefix;
    } else if (/[.*+?()[\]{}^$]/.test(character)) return prefix;
    if (character.charCodeAt(0) > 126) return prefix;
    // What may be repeated or left out is not sure to be there.
    if (/[*?{]/.test(pattern[at + 1] ?? '')) return prefix;
    prefix += character;
  }
  return prefix;
}
