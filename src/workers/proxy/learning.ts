// What balancers learn from responses: how long they took (peak EWMA), what they say of their endpoint's load
// (client-side weighted round robin). Only clusters with either look.
import { readReport } from '../balancing/load-reports.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { Stream } from './stream.js';

const TEXT = 'endpoint-load-metrics', BINARY = 'endpoint-load-metrics-bin';

/** The response's head has come and is decoded. */
export function learn(engine: Engine, stream: Stream): void {
  const { latencies, reports } = stream.cluster!;
  const endpoint = stream.endpoint!;
  if (latencies !== null) latencies.observe(endpoint, engine.nowMs - stream.upstreamSentMs);
  if (reports === null) return;
  const text = recordHeader(engine, engine.responseRecord, TEXT);
  const value = text ?? recordHeader(engine, engine.responseRecord, BINARY);
  const report = value === null ? null : readReport(value, text === null);
  if (report !== null) reports.take(endpoint, report);
}
