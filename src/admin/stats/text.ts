// /stats as lines of text: `name: value`.
import type { AdminBackend } from '../backend.js';
import type { HistogramIntervals } from '../../telemetry/histogram-intervals.js';
import type { Listing } from './groups.js';
import { histogramText, viewHistogram } from './histogram-text.js';
import type { StatsRequest } from './request.js';
import { histograms, values } from './rows.js';

export function* statsText(backend: AdminBackend, intervals: HistogramIntervals, listing: Listing,
  request: StatsRequest): Generator<string, void> {
  const { statistics } = backend;
  let text = '';
  const lines = values(statistics, listing, request, (name, { type, value }) => {
    text += type === 'text' ? `${name}: "${value}"\n` : `${name}: ${value}\n`;
  });
  for (const _ of lines) { yield text; text = ''; }
  const more = histograms(statistics, listing, request, (which) => {
    text += `${which.name}:${histogramText(viewHistogram(statistics, intervals, which), request.buckets)}\n`;
  });
  for (const _ of more) { yield text; text = ''; }
  yield text;
}
