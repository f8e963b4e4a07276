// What a cluster asks of its connections: keep-alive, source addresses, PROXY headers, how long they live.
import type { SocketSetup, SourceAddress, UpstreamConnections } from '../../config/upstream-connections.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { BindConfig, Cluster, CoreHttpProtocolOptions, SocketAddress, SocketOption, TcpKeepalive }
  from '../wire/generated/messages.js';
import { readSocketAddress } from './address.js';
import { boolOf, millisecondsOf, numberOf } from './fields.js';
import { readSocketOptions } from './socket-options.js';

const families = ['asGiven', 'v4', 'v6'] as const;

/** `common`: the HTTP options of the cluster, at `commonPath`. */
export function readConnections(message: Cluster, common: CoreHttpProtocolOptions, commonPath: string,
  proxyProtocol: 1 | 2 | null, path: string, report: Report): UpstreamConnections {
  const eyeballs = message.upstreamConnectionOptions?.happyEyeballsConfig;
  return {
    socket: readSocketSetup(message, path, report),
    maxDurationMs: millisecondsOf(common.maxConnectionDuration, 0, fieldPath(commonPath, 'max_connection_duration'),
      report),
    proxyProtocol,
    perDownstream: message.connectionPoolPerDownstreamConnection ?? false,
    preconnectRatio: message.preconnectPolicy?.perUpstreamPreconnectRatio?.value ?? 1,
    happyEyeballs: {
      firstFamily: families[eyeballs?.firstAddressFamilyVersion ?? 0] ?? 'asGiven',
      firstCount: numberOf(eyeballs?.firstAddressFamilyCount, 1),
    },
  };
}

function readSocketSetup(message: Cluster, path: string, report: Report): SocketSetup | null {
  const keepAlive = readKeepAlive(message.upstreamConnectionOptions?.tcpKeepalive);
  const sources = readSources(message.upstreamBindConfig, fieldPath(path, 'upstream_bind_config'), report);
  return keepAlive === null && sources.length === 0 ? null : { keepAlive, sources };
}

const readKeepAlive = (message: TcpKeepalive | undefined): SocketSetup['keepAlive'] => message === undefined ? null
  : { idleSeconds: numberOf(message.keepaliveTime, 0), intervalSeconds: numberOf(message.keepaliveInterval, 0),
    probes: numberOf(message.keepaliveProbes, 0) };

function readSources(message: BindConfig | undefined, path: string, report: Report): SourceAddress[] {
  if (message === undefined) return [];
  const freebind = boolOf(message.freebind, false);
  const sources: SourceAddress[] = [];
  const add = (address: SocketAddress | undefined, options: SocketOption[] | undefined, at: string,
    optionsAt: string) => {
    const found = readSocketAddress(address ?? {}, 'bind', at, report);
    if (found !== null)
      sources.push({ address: found, freebind, options: readSocketOptions(options, optionsAt, report) });
  };
  if (message.sourceAddress !== undefined) {
    add(message.sourceAddress, message.socketOptions, fieldPath(path, 'source_address'),
      fieldPath(path, 'socket_options'));
  } else {
    sources.push({ address: null, freebind,
      options: readSocketOptions(message.socketOptions, fieldPath(path, 'socket_options'), report) });
  }
  (message.extraSourceAddresses ?? []).forEach((extra, index) => {
    const at = `${fieldPath(path, 'extra_source_addresses')}[${index}]`;
    const own = extra.socketOptions;
    add(extra.address, own === undefined ? message.socketOptions : own.socketOptions, `${at}.address`,
      `${at}.socket_options.socket_options`);
  });
  (message.additionalSourceAddresses ?? []).forEach((address, index) =>
    add(address, message.socketOptions, `${fieldPath(path, 'additional_source_addresses')}[${index}]`,
      fieldPath(path, 'socket_options')));
  return sources;
}
