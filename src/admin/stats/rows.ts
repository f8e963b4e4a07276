// Walks a listing in Envoy's order (texts, then counters and gauges, then histograms) and hands each statistic that the
// request wants to a visitor. Text and JSON share this; Prometheus goes metric by metric and does not.
import { histogramNames, sortedCounters } from '../../telemetry/statistics.js';
import type { Statistics } from '../../telemetry/statistics.js';
import { scopeCounters } from '../../telemetry/schema.js';
import { factRow } from './groups.js';
import type { Listing, ScopeGroup } from './groups.js';
import type { Row } from './row.js';
import type { StatsRequest } from './request.js';

/** Statistics between two pauses: about a millisecond of work. */
const ROWS_PER_PAUSE = 1000;

type Item = { at: string; row: Row; group: null } | { at: string; row: null; group: ScopeGroup };

/** Calls `visit` for each text, counter and gauge; yields where the caller should let the event loop run. */
export function* values(
  statistics: Statistics,
  listing: Listing,
  request: StatsRequest,
  visit: (name: string, row: Row) => void,
): Generator<undefined, void> {
  if (request.only === 'histogram') return;
  for (const row of listing.singles) if (row.type === 'text') visitWanted(row.name, row, request, visit);
  if (request.only === 'text') return;
  const items: Item[] = [];
  for (const group of listing.scopes) items.push({ at: group.prefix, row: null, group });
  for (const row of listing.singles) if (row.type !== 'text') items.push({ at: row.name, row, group: null });
  items.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  let done = 0;
  for (const { row, group } of items) {
    if (row !== null) {
      done++;
      visitWanted(row.name, row, request, visit);
    } else {
      for (const inner of groupRows(statistics, group, request.usedOnly)) {
        done++;
        visitWanted(group.prefix + inner.name, inner, request, visit);
      }
    }
    if (done >= ROWS_PER_PAUSE) {
      done = 0;
      yield;
    }
  }
}

function visitWanted(name: string, row: Row, request: StatsRequest, visit: (name: string, row: Row) => void): void {
  if (request.usedOnly && !row.used) return;
  if (request.only !== null && request.only !== row.type) return;
  if (request.filter !== null && (!request.mayMatch(name) || !request.filter(name))) return;
  visit(name, row);
}

/** Rows of one scope by name: its cells and what was computed for it. */
function groupRows(statistics: Statistics, group: ScopeGroup, usedOnly: boolean): Row[] {
  const rows: Row[] = [];
  if (group.offset >= 0 || !usedOnly) {
    const sums = new Float64Array(scopeCounters[group.kind].length);
    if (group.offset >= 0) statistics.sumAll(group.kind, group.offset, sums);
    for (const { name, index, gauge, total, lazy } of sortedCounters(group.kind)) {
      const value = Math.max(0, sums[index]);
      if (lazy && value === 0) continue;
      rows.push({
        name,
        type: gauge ? 'gauge' : 'counter',
        value,
        used: value > 0 || (gauge && total >= 0 && sums[total] > 0),
      });
    }
  }
  if (group.rows.length === 0 && group.facts === null) return rows;
  const facts = group.facts === null ? [] : Array.from(group.facts, (_, index) => factRow(group.facts!, index))
    .filter(({ value }) => !Number.isNaN(value));
  return [...rows, ...group.rows, ...facts].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface HistogramOfScope {
  name: string;
  group: ScopeGroup;
  index: number;
}

/** Calls `visit` for each histogram wanted; an unused one only if the request does not say `usedonly`. */
export function* histograms(
  statistics: Statistics,
  listing: Listing,
  request: StatsRequest,
  visit: (histogram: HistogramOfScope) => void,
): Generator<undefined, void> {
  if (request.only !== null && request.only !== 'histogram') return;
  let done = 0;
  for (const group of listing.scopes) {
    const names = histogramNames(group.kind);
    for (let index = 0; index < names.length; index++) {
      const name = group.prefix + names[index];
      if (request.filter !== null && (!request.mayMatch(name) || !request.filter(name))) continue;
      if (request.usedOnly && (group.offset < 0 || statistics.histogram(group.kind, group.offset, index).total === 0))
        continue;
      visit({ name, group, index });
      done += group.offset < 0 ? 1 : 20;
    }
    if (done >= ROWS_PER_PAUSE) {
      done = 0;
      yield;
    }
  }
}
