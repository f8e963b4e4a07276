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

/** What a report says, by Envoy's names: `cpu_utilization`, `named_metrics.queue`. */
export type LoadReport = ReadonlyMap<string, number>;

/** Reads `endpoint-load-metrics`: text, JSON or base64 of the message, the latter also without its prefix; or null. */
export function readReport(value: string, isBinary: boolean): LoadReport | null {
  if (value.length > REPORT_CHARACTERS_MAX) return null;
  try {
    if (isBinary) return ofMessage(value);
    if (value.startsWith('BIN ')) return ofMessage(value.slice(4));
    if (value.startsWith('JSON ')) return ofJson(JSON.parse(value.slice(5)) as { [name: string]: unknown });
    return ofText(value.startsWith('TEXT ') ? value.slice(5) : value);
  } catch {
    return null;                    // somebody else's header of that name
  }
}

function ofText(text: string): LoadReport | null {
  const report = new Map<string, number>();
  for (const pair of text.split(',')) {
    const at = pair.search(/[=:]/);
    const name = pair.slice(0, at).trim(), value = Number(pair.slice(at + 1).trim());
    if (at < 1 || !Number.isFinite(value) || report.has(name)) return null;
    report.set(name, value);
  }
  return report;
}

function ofJson(fields: { [name: string]: unknown }): LoadReport {
  const report = new Map<string, number>();
  for (const [name, value] of Object.entries(fields)) {
    const snake = name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
    if (typeof value !== 'object' || value === null) report.set(snake, Number(value));
    else for (const [key, part] of Object.entries(value)) report.set(`${snake}.${key}`, Number(part));
  }
  return report;
}

/** Fields of xds.data.orca.v3.OrcaLoadReport: doubles, and maps from names to doubles. */
const doubles: { readonly [field: number]: string } = { 1: 'cpu_utilization', 2: 'mem_utilization',
  6: 'rps_fractional', 7: 'eps', 9: 'application_utilization' };
const maps: { readonly [field: number]: string } = { 4: 'request_cost', 5: 'utilization', 8: 'named_metrics' };

function ofMessage(base64: string): LoadReport | null {
  const report = new Map<string, number>();
  const whole = eachField(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)), (field, value) => {
    if (typeof value === 'number') {
      if (field in doubles) report.set(doubles[field], value);
    } else if (field in maps) {
      const [key, part] = ofEntry(value);
      report.set(`${maps[field]}.${key}`, part);
    }
  });
  return whole ? report : null;
}

function ofEntry(bytes: Uint8Array): [string, number] {
  let key = '', part = 0;
  eachField(bytes, (field, value) => {
    if (typeof value === 'number') part = value;
    else if (field === 1) key = new TextDecoder().decode(value);
  });
  return [key, part];
}

/** Doubles and what has a length; false where the message has something that no report has. */
function eachField(bytes: Uint8Array, take: (field: number, value: number | Uint8Array) => void): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++], field = tag >> 3;
    let number = 0;
    if ((tag & 7) === 1) { take(field, view.getFloat64(at, true)); at += 8; continue; }
    if (tag > 127 || (tag & 7) % 2 !== 0) return false;
    for (let shift = 0; ; shift += 7) {
      number += (bytes[at] & 127) << shift;
      if ((bytes[at++] & 128) === 0) break;
    }
    if (number < 0) return false;                           // beyond 31 bits
    if ((tag & 7) === 2) { take(field, bytes.subarray(at, at + number)); at += number; }
  }
  return true;
}

/** The greatest of the metrics of these names; `named_metrics.*` stands for all named ones. 0: the report has none. */
function greatest(report: LoadReport, names: readonly string[]): number {
  let found = 0;
  for (const name of names) {
    if (!name.endsWith('.*')) { found = Math.max(found, report.get(name) ?? 0); continue; }
    for (const [one, value] of report) if (one.startsWith(name.slice(0, -1))) found = Math.max(found, value);
  }
  return found;
}

/** Reports of a cluster's endpoints; the weights lie in their process-wide states. */
export class LoadReports {
  constructor(private readonly engine: Engine, private readonly rules: ClientWeights) {}

  take(endpoint: Endpoint, report: LoadReport): void {
    const metric = (name: string): number => report.get(name) ?? 0;
    const { errorPenalty, metrics } = this.rules;
    const requests = metric('rps_fractional');
    const utilisation = (greatest(report, metrics) || Math.max(0, metric('application_utilization'))
      || metric('cpu_utilization')) + errorPenalty * metric('eps') / requests;
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
