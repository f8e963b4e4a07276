// /stats as JSON, in Envoy's shape: one array, whose last element holds the histograms.
import type { AdminBackend } from '../backend.js';
import type { HistogramIntervals } from '../../telemetry/histogram-intervals.js';
import { quantiles, quantileValues } from '../../telemetry/quantiles.js';
import type { Listing } from './groups.js';
import { bucketPairs, histogramCellsJson, percent, viewHistogram } from './histogram-text.js';
import type { HistogramView } from './histogram-text.js';
import type { Buckets, StatsRequest } from './request.js';
import { histograms, values } from './rows.js';

export function* statsJson(
  backend: AdminBackend,
  intervals: HistogramIntervals,
  listing: Listing,
  request: StatsRequest,
): Generator<string, void> {
  const { statistics } = backend;
  let text = '{"stats":[';
  let comma = '';
  const lines = values(statistics, listing, request, (name, { value }) => {
    text += `${comma}{"name":${JSON.stringify(name)},"value":${JSON.stringify(value)}}`;
    comma = ',';
  });
  for (const _ of lines) {
    yield text;
    text = '';
  }
  const [opening, closing] = frame(request.buckets);
  let first = true;
  const more = histograms(statistics, listing, request, (which) => {
    const shape = histogramJson(viewHistogram(statistics, intervals, which), request.buckets);
    text += `${first ? comma + opening : ','}${JSON.stringify({ name: which.name, ...shape })}`;
    first = false;
  });
  for (const _ of more) {
    yield text;
    text = '';
  }
  yield `${text}${first ? '' : closing}]}`;
}

const supported = JSON.stringify(quantiles.map(percent));

function frame(buckets: Buckets): [string, string] {
  if (buckets === 'cumulative' || buckets === 'disjoint') return ['{"histograms":[', ']}'];
  const list = buckets === 'detailed' ? 'details' : 'computed_quantiles';
  return [`{"histograms":{"supported_quantiles":${supported},"${list}":[`, ']}}'];
}

function histogramJson(view: HistogramView, buckets: Buckets): object {
  if (buckets === 'cumulative' || buckets === 'disjoint') {
    return {
      buckets: bucketPairs(view, buckets).map(({ bound, interval, cumulative }) => ({
        upper_bound: bound,
        interval,
        cumulative,
      })),
    };
  }
  const cumulative = quantileValues(view.cumulative.counts, view.cumulative.total);
  const interval = quantileValues(view.interval.counts, view.interval.total);
  const pairs = quantiles.map((_, index) => ({
    cumulative: orNull(cumulative[index]),
    interval: orNull(interval[index]),
  }));
  if (buckets !== 'detailed') return { values: pairs };
  return {
    percentiles: pairs,
    totals: histogramCellsJson(view.cumulative),
    intervals: histogramCellsJson(view.interval),
  };
}

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
