// A TCP proxy, compiled for one filter chain: its clusters by slot, its logs, and the head that opens a tunnel.
import type { HeaderMutation } from '../../config/types.js';
import type { TcpProxy } from '../../config/tcp-proxy.js';
import type { ChainBinding } from '../../config/snapshot/layout.js';
import { Criteria } from '../../config/metadata-match.js';
import { parseFormat } from '../../telemetry/format.js';
import type { Engine } from '../engine.js';
import { formatInto } from '../proxy/formatter.js';
import { compileLog } from '../proxy/log-format.js';
import type { CompiledLog } from '../proxy/log-format.js';
import type { Stream } from '../proxy/stream.js';
import { compileOperators, releaseOperators } from '../routing/compiled-format.js';
import type { CompiledOperator } from '../routing/compiled-format.js';
import { HashPolicies } from '../routing/hash-policies.js';

/** A cluster, and the subset of its endpoints that is wanted. */
export interface TcpChoice { slot: number; weight: number; criteria: Criteria | null }

export class TcpRuntime {
  /** Index into f64. */
  readonly scope: number;
  readonly logs: CompiledLog[];
  readonly notesUpstream: boolean;
  readonly hash: HashPolicies | null;
  readonly tunnel: TunnelHead | null;

  private readonly choices: readonly TcpChoice[];

  constructor(engine: Engine, readonly config: TcpProxy, binding: ChainBinding, readonly chainName: string) {
    this.scope = engine.statsBase + (binding.tcpScope >> 3);
    this.logs = config.accessLogs.map((log, index) => compileLog(engine, log, binding.tcpAccessLogs[index]));
    this.notesUpstream = this.logs.some((log) => log.needsUpstreamNotes);
    this.choices = config.clusters.map(({ weight, metadataMatch }, index) =>
      ({ slot: binding.clusterSlots[index], weight, criteria: Criteria.of(metadataMatch) }));
    this.hash = config.sourceIpHash ? HashPolicies.of([{ kind: 'sourceIp', terminal: false }]) : null;
    this.tunnel = config.tunnel === null ? null
      : new TunnelHead(engine, config.tunnel.hostname, config.tunnel.headers);
  }

  /** Which of the clusters a session goes to: by weight where there are several. */
  choose(engine: Engine): TcpChoice {
    const { choices } = this;
    if (choices.length === 1) return choices[0];
    let left = Math.floor((engine.codecs.nextRandom(engine.randomState) >>> 0) / 4294967296 * this.config.totalWeight);
    for (let i = 0; i < choices.length; i++) {
      left -= choices[i].weight;
      if (left < 0) return choices[i];
    }
    return choices[choices.length - 1];
  }

  release(engine: Engine): void {
    for (const log of this.logs) log.release(engine);
    this.tunnel?.release(engine);
  }
}

/** `CONNECT host HTTP/1.1` with its headers. */
class TunnelHead {
  private readonly host: CompiledOperator[];
  private readonly headers: { name: string; value: CompiledOperator[]; keepsEmpty: boolean }[];

  constructor(engine: Engine, hostname: string, headers: readonly HeaderMutation[]) {
    this.host = compiled(engine, hostname);
    this.headers = headers.map(({ name, value, keepEmptyValue }) =>
      ({ name, value: compiled(engine, value), keepsEmpty: keepEmptyValue }));
  }

  /** Writes the head at `at`; returns the position after it. */
  write(engine: Engine, stream: Stream, at: number, end: number): number {
    let to = at + engine.writeText(at, 'CONNECT ');
    to = formatInto(engine, stream, this.host, 0, 0, to, end, true);
    to += engine.writeText(to, ' HTTP/1.1\r\nhost: ');
    to = formatInto(engine, stream, this.host, 0, 0, to, end, true);
    to += engine.writeText(to, '\r\n');
    for (const { name, value, keepsEmpty } of this.headers) {
      const line = to;
      to += engine.writeText(to, `${name}: `);
      const from = to;
      to = formatInto(engine, stream, value, 0, 0, to, end, false);
      if (to === from && !keepsEmpty) to = line; else to += engine.writeText(to, '\r\n');
    }
    return to + engine.writeText(to, '\r\n');
  }

  release(engine: Engine): void {
    releaseOperators(engine, this.host);
    for (const { value } of this.headers) releaseOperators(engine, value);
  }
}

function compiled(engine: Engine, text: string): CompiledOperator[] {
  const parsed = parseFormat(text);
  // refused when the configuration was read
  if (!parsed.ok) throw new Error(`tunneling_config: ${parsed.reason}`);
  const operators = compileOperators(engine, parsed.operators);
  if (operators === null) throw new Error('the arena has no room for a tunnel head');
  return operators;
}
