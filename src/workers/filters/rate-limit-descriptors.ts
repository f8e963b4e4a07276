// Descriptors of a request, as the rate_limits of its route and virtual host make them: lists of (key, value), compared
// as texts.
import type { LocalRateLimitFilter as Config, RateLimit, RateLimitAction } from '../../config/http-filters.js';
import type { HeaderMatcher } from '../../config/types.js';
import { Head } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';
import { ipText } from '../connection/addresses.js';
import { maskedAddress } from '../proxy/format-texts.js';
import type { Stream } from '../proxy/stream.js';
import { metadataAt } from '../routing/metadata-condition.js';
import { queryText, requestHeader } from '../routing/regex.js';
import { headerHolds, stringHolds } from '../routing/string-condition.js';

const END = '\n';
/** Text of a descriptor. */
export const descriptorKey = (entries: readonly { key: string; value: string }[]): string =>
  entries.map(({ key, value }) => `${key}=${value}${END}`).join('');

type QueryMatch = Extract<RateLimitAction, { kind: 'queryParameterValueMatch' }>['parameters'][number];

export class RateLimitDescriptors {
  private readonly found: string[] = [];

  constructor(private readonly engine: Engine, private readonly config: Config) {}

  of(stream: Stream): readonly string[] {
    const { found } = this;
    found.length = 0;
    const { route } = stream;
    if (route === null || route.forward === null) return found;
    const ofRoute = route.forward.rateLimits, ofHost = route.virtualHost.rateLimits;
    this.add(stream, ofRoute);
    const { virtualHostLimits } = this.config;
    if (virtualHostLimits === 'include' || (virtualHostLimits === 'override' && ofRoute.length === 0))
      this.add(stream, ofHost);
    return found;
  }

  /** Envoy leaves out limits that have a disable_key. */
  private add(stream: Stream, rateLimits: readonly RateLimit[]): void {
    for (const { stage, disableKey, actions } of rateLimits) {
      if (stage !== this.config.stage || disableKey !== '') continue;
      let text: string | null = '';
      for (let i = 0; i < actions.length && text !== null; i++) text = this.withEntry(stream, text, actions[i]!);
      if (text !== null && text !== '') this.found.push(text);
    }
  }

  /** The text with the action's entry; null: there is no descriptor. */
  private withEntry(stream: Stream, text: string, action: RateLimitAction): string | null {
    const { engine } = this;
    switch (action.kind) {
      case 'sourceCluster': return `${text}source_cluster=${engine.nodeCluster}${END}`;
      case 'destinationCluster': return `${text}destination_cluster=${stream.choice?.name ?? ''}${END}`;
      case 'genericKey': return `${text}${action.key}=${action.value}${END}`;
      case 'remoteAddress': {
        const address = ipText(stream.downstream!.addresses.remote);
        return address === '' ? null : `${text}remote_address=${address}${END}`;
      }
      case 'maskedRemoteAddress': {
        const address = ipText(stream.downstream!.addresses.remote);
        if (address === '') return null;
        const masked = maskedAddress(address, address.includes(':') ? action.ipv6Bits : action.ipv4Bits);
        return `${text}masked_remote_address=${masked}${END}`;
      }
      case 'requestHeaders': {
        const value = requestHeader(engine, action.header);
        if (value === null || value === '') return action.skipIfAbsent ? text : null;
        return `${text}${action.key}=${value}${END}`;
      }
      case 'metadata': {
        const value = metadataAt(action.ofRoute ? stream.route!.json.metadata : stream.metadata, action.path);
        const shown = typeof value === 'string' && value !== '' ? value : action.whenMissing;
        if (shown === '') return action.skipIfAbsent ? text : null;
        return `${text}${action.key}=${shown}${END}`;
      }
      case 'headerValueMatch': return this.headersHold(action.headers) === action.expect
        ? `${text}${action.key}=${action.value}${END}` : null;
      case 'queryParameterValueMatch': return this.queryHolds(action.parameters) === action.expect
        ? `${text}${action.key}=${action.value}${END}` : null;
    }
  }

  private headersHold(matchers: readonly HeaderMatcher[]): boolean {
    const { engine } = this;
    return matchers.every((matcher) => headerHolds(matcher, requestHeader(engine, matcher.name)));
  }

  private queryHolds(matchers: readonly QueryMatch[]): boolean {
    const { i32, requestRecord } = this.engine;
    const words = requestRecord >> 2;
    const path = this.engine.readText(i32[words + Head.pathAt], i32[words + Head.pathBytes]);
    return matchers.every(({ name, match }) => {
      const value = queryText(path, name);
      if (match.kind === 'present') return (value !== null) === match.present;
      return value !== null && stringHolds(match, value);
    });
  }
}
