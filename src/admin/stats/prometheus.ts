// /stats/prometheus: metric by metric, each with all its series, as the format demands. Scopes of one kind form a
// section, whose metrics are known from the schema, so the work per metric is a walk over the section's scopes and
// nothing is stored per series.
import { CustomTags } from './custom-tags.js';
import type { AdminBackend } from '../backend.js';
import { bucketBounds, countsBelowBounds, quantiles, quantileValues } from '../../telemetry/quantiles.js';
import { histogramNames, sortedCounters } from '../../telemetry/statistics.js';
import type { CellName, Statistics } from '../../telemetry/statistics.js';
import type { ScopeKind } from '../../telemetry/schema.js';
import { clusterFactNames } from './cluster-facts.js';
import { factRow } from './groups.js';
import type { Listing, ScopeGroup } from './groups.js';
import type { Row } from './row.js';
import type { StatsRequest } from './request.js';
import {
  clusterLabel,
  grpcTag,
  codeTag,
  endpointRowTag,
  join,
  listenerRowTag,
  listenerTag,
  managerLabel,
  rateLimitLabel,
  metricName,
  networkTag,
  singleTag,
  textLabel,
  tlsCellTag,
  virtualHostTag,
} from './tags.js';

interface Section {
  base: string;
  kind: ScopeKind;
  groups: { group: ScopeGroup; labels: string }[];
}
interface Cell {
  cell: CellName;
  labels: string;
}
/** Series of one metric: cells of a section, a computed value of each of its groups, and single ones. */
interface Family {
  dotted: string;
  type: 'counter' | 'gauge' | 'text';
  section: Section | null;
  cells: Cell[];
  fact: number;
  singles: { name: string; labels: string; row: Row }[];
}

const LINES_PER_PAUSE = 1000;

export function* statsPrometheus(
  backend: AdminBackend,
  listing: Listing,
  request: StatsRequest,
): Generator<string, void> {
  const { statistics } = backend;
  const sections = sectionsOf(listing);
  const families = familiesOf(listing, sections, request).sort(byTypeAndName);
  const tags = new CustomTags(statistics.tags);
  let text = '';
  let lines = 0;
  for (const family of families) {
    const typed = new Set<string>();
    for (const series of familySeries(statistics, family, request)) {
      lines++;
      if (series !== null) {
        const { dotted, labels } = tags.apply(series.name, family.dotted, series.labels);
        const metric = metricName(dotted);
        if (!typed.has(metric)) text += `# TYPE ${metric} ${family.type === 'counter' ? 'counter' : 'gauge'}\n`;
        typed.add(metric);
        text += `${metric}{${labels}} ${series.value}\n`;
      }
      if (lines >= LINES_PER_PAUSE) {
        yield text;
        text = '';
        lines = 0;
      }
    }
  }
  yield text;
  if (request.only === null || request.only === 'histogram') yield* histogramFamilies(statistics, sections, request);
}

const typeOrder = { counter: 0, gauge: 1, text: 2 };
const byTypeAndName = (a: Family, b: Family): number =>
  typeOrder[a.type] - typeOrder[b.type] || (a.dotted < b.dotted ? -1 : a.dotted > b.dotted ? 1 : 0);

function sectionsOf(listing: Listing): Section[] {
  const sections = new Map<string, Section>();
  for (const group of listing.scopes) {
    const { base, labels } = sectionTag(group);
    const key = `${group.kind} ${base}`;
    let section = sections.get(key);
    if (section === undefined) sections.set(key, (section = { base, kind: group.kind, groups: [] }));
    section.groups.push({ group, labels });
  }
  return [...sections.values()];
}

function sectionTag(group: ScopeGroup): { base: string; labels: string } {
  switch (group.kind) {
    case 'cluster':
    case 'clusterTls':
      return { base: 'cluster', labels: clusterLabel(group.subject) };
    case 'clusterGrpc':
    case 'grpcMethod':               // comes as the former
      return grpcTag(group.subject, group.prefix);
    case 'http':
      return { base: 'http', labels: managerLabel(group.subject) };
    case 'vhost':
      return virtualHostTag(group.subject);
    case 'listener':
    case 'listenerTls':
      return listenerTag(group.subject);
    case 'tls_inspector':
    case 'http_inspector':
    case 'proxy_proto':
    case 'tcp':
    case 'connection_limit':
    case 'local_rate_limit':
    case 'connection_share':
      return networkTag(group.kind, group.subject);
    case 'fault':
    case 'cors':
    case 'csrf':
      return { base: `http.${group.kind}`, labels: managerLabel(group.subject) };
    case 'rateLimit':
      return { base: 'http_local_rate_limit', labels: rateLimitLabel(group.subject) };
    case 'worker':
      return { base: group.prefix.slice(0, -1), labels: '' };
  }
}

function familiesOf(listing: Listing, sections: Section[], request: StatsRequest): Family[] {
  const families = new Map<string, Family>();
  const family = (dotted: string, type: Family['type'], section: Section | null): Family => {
    const key = `${type} ${dotted}`;
    let found = families.get(key);
    if (found === undefined) families.set(key, (found = { dotted, type, section, cells: [], fact: -1, singles: [] }));
    if (section !== null) found.section = section;
    return found;
  };
  for (const section of sections) {
    for (const cell of sortedCounters(section.kind)) {
      const { base, labels } = section.kind === 'listenerTls' || section.kind === 'clusterTls'
        ? tlsCellTag(section.kind, cell.name) : codeTag(cell.name);
      family(`${section.base}.${base}`, cell.gauge ? 'gauge' : 'counter', section).cells.push({ cell, labels });
    }
    if (section.kind === 'cluster') {
      clusterFactNames.forEach((name, index) => {
        family(`${section.base}.${name}`, 'gauge', section).fact = index;
      });
    }
    for (const { group, labels } of section.groups) addRows(family, section, group, labels);
  }
  for (const row of listing.singles) {
    if (row.type === 'text' && !request.textReadouts) continue;
    const { base, labels } = singleTag(row.name);
    const full = row.type === 'text' ? join(labels, textLabel(String(row.value))) : labels;
    family(base, row.type, null).singles.push({ name: row.name, labels: full, row });
  }
  const wanted = request.only;
  return [...families.values()].filter(({ type }) => wanted === null || wanted === type);
}

type FamilyOf = (dotted: string, type: Family['type'], section: Section | null) => Family;

/** Rows of a listener are its workers' and its connection managers', those of a cluster its endpoints'. */
function addRows(family: FamilyOf, section: Section, group: ScopeGroup, labels: string): void {
  for (const row of group.rows) {
    const tagged = section.kind === 'cluster' ? endpointRowTag(row.name) : listenerRowTag(row.name);
    family(`${section.base}.${tagged.base}`, row.type, null).singles.push({
      name: group.prefix + row.name,
      labels: join(tagged.labels, labels),
      row,
    });
  }
}

interface Series {
  name: string;
  labels: string;
  value: number | string;
}

/** The series; null for one that is not wanted, so that the caller can count the work. */
function* familySeries(
  statistics: Statistics,
  family: Family,
  request: StatsRequest,
): Generator<Series | null, void> {
  const wanted = (name: string, used: boolean): boolean =>
    (!request.usedOnly || used) && (request.filter === null || request.filter(name));
  for (const { group, labels } of family.section?.groups ?? []) {
    for (const { cell, labels: own } of family.cells) {
      const value = group.offset < 0 ? 0 : Math.max(0, statistics.sum(group.offset, cell.index));
      const touched =
        value > 0 ||
        (cell.gauge && cell.total >= 0 && group.offset >= 0 && statistics.sum(group.offset, cell.total) > 0);
      const shown = !(cell.lazy && value === 0) && wanted(group.prefix + cell.name, touched);
      yield shown ? { name: group.prefix + cell.name, labels: join(own, labels), value } : null;
    }
    const row = family.fact < 0 || group.facts === null ? null : factRow(group.facts, family.fact);
    if (row === null || Number.isNaN(row.value)) continue;
    yield wanted(group.prefix + row.name, row.used) ? { name: group.prefix + row.name, labels,
      value: row.value } : null;
  }
  for (const { name, labels, row } of family.singles) {
    yield wanted(name, row.used) ? { name, labels, value: row.type === 'text' ? 0 : row.value } : null;
  }
}

function* histogramFamilies(
  statistics: Statistics,
  sections: Section[],
  request: StatsRequest,
): Generator<string, void> {
  const families = sections.flatMap((section) =>
    histogramNames(section.kind).map((name, index) => ({ section, name, index, dotted: `${section.base}.${name}` })),
  );
  families.sort((a, b) => (a.dotted < b.dotted ? -1 : 1));
  const tags = new CustomTags(statistics.tags);
  for (const { section, name, index, dotted } of families) {
    let text = '';
    const typed = new Set<string>();
    let work = 0;
    for (const { group, labels: usual } of section.groups) {
      if (request.filter !== null && !request.filter(group.prefix + name)) continue;
      const cells = group.offset < 0 ? null : statistics.histogram(group.kind, group.offset, index);
      if (request.usedOnly && (cells === null || cells.total === 0)) continue;
      const { dotted: tagged, labels } = tags.apply(group.prefix + name, dotted, usual);
      const metric = metricName(tagged);
      if (!typed.has(metric)) text += `# TYPE ${metric} ${request.buckets === 'summary' ? 'summary' : 'histogram'}\n`;
      typed.add(metric);
      text += request.buckets === 'summary' ? summary(metric, labels, cells) : buckets(metric, labels, cells);
      if ((work += 25) >= LINES_PER_PAUSE) {
        yield text;
        text = '';
        work = 0;
      }
    }
    yield text;
  }
}

interface Cells {
  counts: ArrayLike<number>;
  total: number;
  sum: number;
}

function buckets(metric: string, labels: string, cells: Cells | null): string {
  const below = cells === null ? null : countsBelowBounds(cells.counts);
  let text = '';
  bucketBounds.forEach((bound, i) => {
    text += `${metric}_bucket{${join(labels, `le="${bound}"`)}} ${below === null ? 0 : below[i]}\n`;
  });
  const total = cells?.total ?? 0;
  return (
    `${text}${metric}_bucket{${join(labels, 'le="+Inf"')}} ${total}\n` +
    `${metric}_sum{${labels}} ${cells?.sum ?? 0}\n${metric}_count{${labels}} ${total}\n`
  );
}

function summary(metric: string, labels: string, cells: Cells | null): string {
  const values = quantileValues(cells?.counts ?? [], cells?.total ?? 0);
  let text = '';
  quantiles.forEach((quantile, i) => {
    text += `${metric}{${join(labels, `quantile="${quantile}"`)}} ${Number.isNaN(values[i]) ? 'NaN' : values[i]}\n`;
  });
  return `${text}${metric}_sum{${labels}} ${cells?.sum ?? 0}\n${metric}_count{${labels}} ${cells?.total ?? 0}\n`;
}
