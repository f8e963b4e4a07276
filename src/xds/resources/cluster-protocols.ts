// Which protocol a cluster's endpoints are spoken to in, and by which options: HttpProtocolOptions, RpcProtocolOptions,
// or the deprecated fields of the cluster itself.
import { usualHttp } from '../../config/http2.js';
import type { ClusterHttp, ServerNameOptions } from '../../config/http2.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Cluster, CoreHttpProtocolOptions, Http1ProtocolOptions, Http2ProtocolOptions,
  HttpHttpProtocolOptions, RpcProtocolOptions, UpstreamHttpProtocolOptions } from '../wire/generated/messages.js';
import { readHttp2Options } from './http2-options.js';
import { readHeaderBytes, readRpcOptions, rpcOptionsName } from './rpc.js';
import type { CodecReference } from './rpc.js';
import type { RpcUpstreamOptions } from '../../config/rpc.js';

const httpOptionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export interface HttpOptions {
  common: CoreHttpProtocolOptions;
  commonPath: string;
  http1: Http1ProtocolOptions;
  http1Path: string;
  http: ClusterHttp;
  /** Null: they speak HTTP. */
  rpc: { options: RpcUpstreamOptions; headerBytesMax: number } | null;
}

/** The typed options, or the deprecated fields of the cluster itself; not both. Codecs that are named: `codecs`. */
export function findHttpOptions(message: Cluster, path: string, report: Report, codecs: CodecReference[]): HttpOptions {
  let http: HttpHttpProtocolOptions | null = null, rpc: RpcProtocolOptions | null = null;
  let at = '';
  for (const [name, any] of Object.entries(message.typedExtensionProtocolOptions ?? {})) {
    const where = `${fieldPath(path, 'typed_extension_protocol_options')}[${JSON.stringify(name)}]`;
    if (name !== httpOptionsName && name !== rpcOptionsName) report.fail(where, 'not implemented');
    else if (any.type !== name) report.fail(where, `holds ${any.type}`);
    else {
      if (at !== '') report.fail(where, `${httpOptionsName} and ${rpcOptionsName} exclude each other`);
      at = any.typedStruct === undefined ? where : fieldPath(where, 'value');
      if (name === rpcOptionsName) rpc = any.value as RpcProtocolOptions;
      else http = any.value as HttpHttpProtocolOptions;
    }
  }
  if (rpc === null && http === null) return ofCluster(message, path, report);
  for (const name of ['commonHttpProtocolOptions', 'httpProtocolOptions', 'http2ProtocolOptions',
    'upstreamHttpProtocolOptions', 'maxRequestsPerConnection'] as const) {
    const field = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (message[name] !== undefined) report.fail(fieldPath(path, field),
      `must not be set beside ${rpc === null ? httpOptionsName : rpcOptionsName}`);
  }
  if (rpc !== null) return ofRpc(message, rpc, at, path, report, codecs);
  const typed = http!;
  const read = readTyped(typed, at, report);
  return { common: typed.commonHttpProtocolOptions ?? {}, commonPath: `${at}.common_http_protocol_options`, ...read,
    http: { ...read.http, serverNames: checked(message, readServerNames(typed.upstreamHttpProtocolOptions ?? {}),
      `${at}.upstream_http_protocol_options`, report) }, rpc: null };
}

function ofCluster(message: Cluster, path: string, report: Report): HttpOptions {
  return { common: message.commonHttpProtocolOptions ?? {},
    commonPath: fieldPath(path, 'common_http_protocol_options'),
    http1: message.httpProtocolOptions ?? {}, http1Path: fieldPath(path, 'http_protocol_options'),
    http: { ...message.http2ProtocolOptions === undefined ? usualHttp
      : speaks('http2', message.http2ProtocolOptions, fieldPath(path, 'http2_protocol_options'), report),
    // Where hosts are the requests' business, so are their certificates, unless it is said otherwise; as Envoy.
    serverNames: checked(message, readServerNames(message.upstreamHttpProtocolOptions
      ?? (message.clusterType === undefined ? {} : { autoSni: true, autoSanValidation: true })),
    fieldPath(path, 'upstream_http_protocol_options'), report) }, rpc: null };
}

function ofRpc(message: Cluster, typed: RpcProtocolOptions, at: string, path: string, report: Report,
  codecs: CodecReference[]): HttpOptions {
  if (message.clusterType !== undefined)
    report.fail(fieldPath(path, 'cluster_type'), `must not be set beside ${rpcOptionsName}: services are no hosts`);
  return { common: typed.commonHttpProtocolOptions ?? {}, commonPath: fieldPath(at, 'common_http_protocol_options'),
    http1: {}, http1Path: at,
    http: typed.useDownstreamProtocol === undefined ? usualHttp : speaks('downstream', undefined, at, report),
    rpc: { options: readRpcOptions(typed, at, report, codecs),
      headerBytesMax: readHeaderBytes(typed.maxHeaderBytes, at, report) } };
}

/** Clusters that forward to any host must not believe any certificate, unless it is said that they may. */
function checked({ clusterType }: Cluster, names: ServerNameOptions | null, path: string, report: Report):
  ServerNameOptions | null {
  const forward = clusterType?.typedConfig?.value as { allowInsecureClusterOptions?: boolean } | undefined;
  if (clusterType !== undefined && forward?.allowInsecureClusterOptions !== true
    && (names === null || !names.sni || !names.san))
    report.fail(path,
      'auto_sni and auto_san_validation must be true here unless allow_insecure_cluster_options is set');
  return names;
}

function readServerNames({ autoSni = false, autoSanValidation = false,
  overrideAutoSniHeader = '' }: UpstreamHttpProtocolOptions): ServerNameOptions | null {
  return autoSni || autoSanValidation
    ? { sni: autoSni, san: autoSanValidation, header: overrideAutoSniHeader.toLowerCase() } : null;
}

function readTyped(typed: HttpHttpProtocolOptions, at: string, report: Report):
  Pick<HttpOptions, 'http1' | 'http1Path' | 'http'> {
  const { explicitHttpConfig: explicit, useDownstreamProtocolConfig: downstream, autoConfig: auto } = typed;
  if (auto !== undefined) return readAuto(auto, `${at}.auto_config`, report);
  const where = `${at}.${downstream === undefined ? 'explicit_http_config' : 'use_downstream_protocol_config'}`;
  const http1 = { http1: (downstream ?? explicit)?.httpProtocolOptions ?? {},
    http1Path: `${where}.http_protocol_options` };
  const path = `${where}.http2_protocol_options`;
  if (downstream !== undefined)
    return { ...http1, http: speaks('downstream', downstream.http2ProtocolOptions, path, report) };
  if (explicit?.http2ProtocolOptions === undefined) return { ...http1, http: usualHttp };
  return { ...http1, http: speaks('http2', explicit.http2ProtocolOptions, path, report) };
}

/** ALPN says which; without TLS it is HTTP/1.1, for there is nothing to choose by. */
function readAuto(auto: NonNullable<HttpHttpProtocolOptions['autoConfig']>, at: string, report: Report):
  Pick<HttpOptions, 'http1' | 'http1Path' | 'http'> {
  return { http1: auto.httpProtocolOptions ?? {}, http1Path: `${at}.http_protocol_options`,
    http: speaks('auto', auto.http2ProtocolOptions, `${at}.http2_protocol_options`, report) };
}

const speaks = (protocol: ClusterHttp['protocol'], options: Http2ProtocolOptions | undefined, path: string,
  report: Report): ClusterHttp => ({ protocol, http2: readHttp2Options(options, path, report), serverNames: null });
