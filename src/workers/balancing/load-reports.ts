// Client-side weighted round robin: endpoints say in their responses how busy they are (ORCA load reports), and weigh
// what they can serve: requests a second by utilisation. A weight counts once reports have come for a while, and until
// they stop coming; who has none weighs as much as the median of the others.
import type { ClientWeights } from '../../config/types.js';
import { EndpointState } from '../../core/memory-map.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { Deadlines } from './earliest-deadline.js';
import type { Picker } from './picker.js';

const WEIGHT_MAX = 4_294_967_295;
const REPORT_CHARACTERS_MAX = 4096;

/** What a report says; 0 where it says nothing. */
export interface LoadReport { requests: number; errors: number; cpu: number; application: number }

/** Reads `endpoint-load-metrics`: text, JSON or base64 of the message, the latter also without its prefix; or null. */
export function readReport(value: string, isBinary: boolean): LoadReport | null {
  if (value.length > REPORT_CHARACTERS_MAX) return null;
  try {
    if (isBinary) return ofMessage(value);
    if (value.startsWith('BIN ')) return ofMessage(value.slice(4));
    if (value.startsWith('JSON ')) return ofFields(JSON.parse(value.slice(5)) as { [name: string]: unknown });
    return ofText(value.startsWith('TEXT ') ? value.slice(5) : value);
  } catch {
    return null;                    // somebody else's header of that name
  }
}

function ofText(text: string): LoadReport | null {
  const fields: { [name: string]: unknown } = {};
  for (const pair of text.split(',')) {
    const at = pair.search(/[=:]/);
    const name = pair.slice(0, at).trim(), value = Number(pair.slice(at + 1).trim());
    if (at < 1 || !Number.isFinite(value) || name in fields) return null;
    fields[name] = value;
  }
  return ofFields(fields);
}

function ofFields(fields: { [name: string]: unknown }): LoadReport {
  const number = (name: string, other: string): number => Number(fields[name] ?? fields[other] ?? 0);
  return { requests: number('rps_fractional', 'rpsFractional'), errors: number('eps', 'eps'),
    cpu: number('cpu_utilization', 'cpuUtilization'),
    application: number('application_utilization', 'applicationUtilization') };
}

/** xds.data.orca.v3.OrcaLoadReport: the doubles 1, 6, 7 and 9. */
function ofMessage(base64: string): LoadReport | null {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const report: LoadReport = { requests: 0, errors: 0, cpu: 0, application: 0 };
  const names = { 1: 'cpu', 6: 'requests', 7: 'errors', 9: 'application' } as const;
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++];
    if ((tag & 7) === 1) {
      const name = names[(tag >> 3) as keyof typeof names];
      if (name !== undefined) report[name] = view.getFloat64(at, true);
      at += 8;
    } else if ((tag & 7) === 0) while ((bytes[at++] & 128) !== 0);
    else if ((tag & 7) === 2 && bytes[at] < 128) at += 1 + bytes[at];
    else return null;
  }
  return report;
}

/** Reports of a cluster's endpoints; the weights lie in their process-wide states. */
export class LoadReports {
  constructor(private readonly engine: Engine, private readonly rules: ClientWeights) {}

  take(endpoint: Endpoint, { requests, errors, cpu, application }: LoadReport): void {
    const utilisation = (application > 0 ? application : cpu) + this.rules.errorPenalty * errors / requests;
    if (!(requests > 0) || !(utilisation > 0)) return;
    const { f32, i32, wallMs } = this.engine;
    f32[endpoint.state + EndpointState.latency] = Math.min(WEIGHT_MAX, Math.floor(requests / utilisation));
    i32[endpoint.state + EndpointState.latencySeen] = wallMs | 0;
  }
}

export class ReportedWeights implements Picker {
  private weights: number[];
  private turns: Deadlines;
  private nextMs: number;

  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[], readonly panic: boolean,
      private readonly rules: ClientWeights) {
    this.weights = this.read();
    this.turns = new Deadlines(engine, this.weights);
    this.nextMs = engine.nowMs + rules.updateMs;
  }

  pick(): Endpoint {
    if (this.engine.nowMs >= this.nextMs) this.update();
    const index = this.turns.first();
    this.turns.took(this.weights[index]);
    return this.endpoints[index];
  }

  private update(): void {
    this.nextMs = this.engine.nowMs + this.rules.updateMs;
    const weights = this.read();
    if (weights.every((weight, index) => weight === this.weights[index])) return;
    this.weights = weights;
    this.turns = new Deadlines(this.engine, weights);
  }

  private read(): number[] {
    const weights = this.endpoints.map((endpoint) => this.weightOf(endpoint));
    const known = weights.filter((weight) => weight > 0).sort((a, b) => a - b);
    const other = known.length === 0 ? 1 : known[known.length >> 1];
    return weights.map((weight) => weight > 0 ? weight : other);
  }

  /** 0: nothing that counts. */
  private weightOf(endpoint: Endpoint): number {
    const { f32, i32, nowMs, wallMs } = this.engine;
    const weight = f32[endpoint.state + EndpointState.latency];
    const ageMs = ((wallMs | 0) - i32[endpoint.state + EndpointState.latencySeen]) | 0;
    if (weight === 0 || ageMs > this.rules.expirationMs) { endpoint.reportedSinceMs = 0; return 0; }
    if (endpoint.reportedSinceMs === 0) endpoint.reportedSinceMs = nowMs;
    return nowMs - endpoint.reportedSinceMs < this.rules.blackoutMs ? 0 : Math.max(1, weight);
  }
}
