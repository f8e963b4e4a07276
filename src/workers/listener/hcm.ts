// An HTTP connection manager, compiled for one listener blob: decode options, edit flags and texts that every request
// shares, timeouts, log formats.
import { RequestEditsFlag, ResponseEditsFlag } from '../../core/generated/layouts.js';
import { DECODE_LOWER_CASE } from '../codecs.js';
import { histogramCell } from '../../telemetry/schema.js';
import { AddressSet } from '../../config/address-set.js';
import type { ChainBinding } from '../../config/snapshot/layout.js';
import type { HttpConnectionManager } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { ManagerFilters } from '../filters/chain.js';
import { LocalReplies } from '../proxy/local-reply.js';
import { compileLog } from '../proxy/log-format.js';
import type { CompiledLog } from '../proxy/log-format.js';
import type { KeptText } from '../memory/kept-texts.js';
import type { RouteTableRuntime } from '../routing/route-table.js';
import { Scopes } from '../routing/scopes.js';

export const PATH_NORMALIZE = 1;
export const PATH_MERGE_SLASHES = 2;
export const PATH_UNESCAPE_SLASHES = 4;

export class HcmRuntime {
  readonly decodeOptions: number;
  readonly requestFlags: number;
  readonly responseFlags: number;
  readonly pathOptions: number;
  readonly serverName: KeptText;
  readonly via: KeptText | null;
  /** Host of HTTP/1.0 requests that name none. */
  readonly defaultHost: KeptText | null;
  /** Index into f64. */
  readonly scope: number;
  readonly connectionLengthCell: number;
  readonly requestTimeCell: number;
  readonly logs: CompiledLog[];
  /** A log format asks for request / response headers, so the encoded heads are kept until the request ends. */
  readonly keepsRequestHead: boolean;
  readonly keepsResponseHead: boolean;
  readonly keepsTrailers: boolean;
  /** A log format asks for what is known only while the upstream connection is at hand. */
  readonly notesUpstream: boolean;
  /** A log format asks how long the received heads were without their first lines. */
  readonly notesHeads: boolean;
  /** A log format asks for the endpoints of all attempts. */
  readonly notesAttempts: boolean;
  /** What becomes of our own answers, or null. */
  readonly localReplies: LocalReplies | null;
  readonly suppressEnvoyHeaders: boolean;
  /** What clients claim about themselves is not believed. */
  readonly isEdge: boolean;
  /** HTTP filters but the router; null: there are none. */
  readonly filters: ManagerFilters | null;
  readonly upgrades: ReadonlyMap<string, boolean>;
  /** Clients whose x-envoy headers are believed, by address. */
  readonly internalAddresses: AddressSet | null;
  private readonly routeSlot: number;
  /** Where its routes are by scope. */
  private readonly scopes: Scopes | null;
  private readonly kept: KeptText[] = [];

  constructor(private readonly engine: Engine, readonly config: HttpConnectionManager, binding: ChainBinding,
      readonly chainName = '') {
    const { httpScope, accessLogs: sinks, filters } = binding;
    this.routeSlot = binding.routeSlot;
    this.internalAddresses = config.internalAddresses === null ? null : new AddressSet(config.internalAddresses.ranges);
    this.scopes = config.scopedRoutes === null ? null : new Scopes(config.scopedRoutes, binding.scopeSlots);
    this.scope = engine.statsBase + (httpScope >> 3);
    this.connectionLengthCell = this.scope + histogramCell('http', 0);
    this.requestTimeCell = this.scope + histogramCell('http', 1);
    this.decodeOptions = config.preserveCase ? 0 : DECODE_LOWER_CASE;
    this.suppressEnvoyHeaders = config.httpFilters.some(({ config: filter }) => 
      filter.kind === 'router' && filter.suppressEnvoyHeaders);
    this.requestFlags = requestFlags(config);
    this.isEdge = config.useRemoteAddress && config.xffNumTrustedHops === 0;
    this.responseFlags = responseFlags(config, this.suppressEnvoyHeaders);
    this.filters = filters.length === 0 ? null : new ManagerFilters(engine, filters);
    this.pathOptions = (config.normalizePath ? PATH_NORMALIZE : 0) | (config.mergeSlashes ? PATH_MERGE_SLASHES : 0)
      | (config.pathWithEscapedSlashes.startsWith('unescape') ? PATH_UNESCAPE_SLASHES : 0);
    this.serverName = this.keep(engine, config.serverName);
    this.defaultHost = config.defaultHostForHttp10 === '' ? null : this.keep(engine, config.defaultHostForHttp10);
    this.via = config.via === null ? null : this.keep(engine, config.via);
    this.upgrades = new Map(config.upgrades.map(({ type, enabled }) => [type.toLowerCase(), enabled]));
    this.logs = config.accessLogs.map((log, index) => compileLog(engine, log, sinks[index]));
    this.keepsRequestHead = config.alwaysSetRequestIdInResponse || config.localReply !== null
      || this.logs.some((log) => log.needsRequestHead || log.filter?.needsHeads === true);
    this.notesUpstream = this.logs.some((log) => log.needsUpstreamNotes);
    this.notesHeads = this.logs.some((log) => log.needsHeadNotes);
    this.notesAttempts = this.logs.some((log) => log.needsAttempts);
    this.keepsTrailers = this.logs.some((log) => log.needsTrailers || log.filter?.needsTrailers === true);
    this.keepsResponseHead = this.logs.some((log) => log.needsResponseHead || log.filter?.needsHeads === true);
    this.localReplies = config.localReply === null ? null : new LocalReplies(engine, config.localReply);
  }

  /** The routes of the decoded request; null: there are none. */
  routeTable(): RouteTableRuntime | null {
    const { snapshot } = this.engine;
    if (this.scopes === null) return snapshot.routeTable(this.routeSlot);
    const slot = this.scopes.slotOf(this.engine);
    return slot < 0 ? null : snapshot.routeTable(slot);
  }

  /** Gives texts back to the arena once no connection uses this any more. */
  release(engine: Engine): void {
    for (const log of this.logs) log.release(engine);
    this.localReplies?.release(engine);
    this.filters?.release();
    for (const text of this.kept) engine.heap.release(text.at, text.bytes + 16);
  }

  private keep(engine: Engine, text: string): KeptText {
    const kept = engine.keepText(text);
    if (kept === null) throw new Error('the arena has no room for the texts of a listener');
    this.kept.push(kept);
    return kept;
  }
}

function requestFlags(config: HttpConnectionManager): number {
  let flags = 0;
  if (config.useRemoteAddress) {
    flags |= RequestEditsFlag.externalAddress | RequestEditsFlag.external;
    if (!config.skipXffAppend) flags |= RequestEditsFlag.appendXff;
    flags |= config.xffNumTrustedHops === 0 ? RequestEditsFlag.setProto : RequestEditsFlag.protoIfAbsent;
    if (config.generateRequestId && !config.preserveExternalRequestId) flags |= RequestEditsFlag.overwriteRequestId;
  } else flags |= RequestEditsFlag.protoIfAbsent;
  if (config.generateRequestId) flags |= RequestEditsFlag.generateRequestId;
  if (config.appendXForwardedPort) flags |= RequestEditsFlag.appendPort;
  if (config.schemeOverwrite !== null) {
    flags = (flags & ~RequestEditsFlag.protoIfAbsent) | RequestEditsFlag.setProto;
    if (config.schemeOverwrite === 'https') flags |= RequestEditsFlag.https;
  }
  if (config.headersWithUnderscores === 'dropHeader') flags |= RequestEditsFlag.dropUnderscore;
  if (config.proxy100Continue) flags |= RequestEditsFlag.expectContinue;
  return flags;
}

function responseFlags(config: HttpConnectionManager, suppressEnvoyHeaders: boolean): number {
  let flags: number = ResponseEditsFlag.addDate;
  if (config.serverHeaderTransformation === 'overwrite') flags |= ResponseEditsFlag.serverOverwrite;
  if (config.serverHeaderTransformation === 'appendIfAbsent') flags |= ResponseEditsFlag.serverIfAbsent;
  if (!suppressEnvoyHeaders) flags |= ResponseEditsFlag.serviceTime;
  if (config.properCaseWords) flags |= ResponseEditsFlag.properCase;
  return flags;
}
