// Pure texts of the rarer substitution commands: gRPC status names, query parameters, masked addresses, host names,
// values of metadata.
import { BlockList, isIPv6 } from 'node:net';
import { Head, HeaderLine } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';
import { metadataAt } from '../routing/metadata-condition.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Stream } from './stream.js';

/** By number: Envoy's name of the status, and its name as a constant. */
export const grpcStatusNames: readonly (readonly [camel: string, snake: string])[] = [['OK', 'OK'],
  ['Canceled', 'CANCELLED'], ['Unknown', 'UNKNOWN'], ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['DeadlineExceeded', 'DEADLINE_EXCEEDED'], ['NotFound', 'NOT_FOUND'], ['AlreadyExists', 'ALREADY_EXISTS'],
  ['PermissionDenied', 'PERMISSION_DENIED'], ['ResourceExhausted', 'RESOURCE_EXHAUSTED'],
  ['FailedPrecondition', 'FAILED_PRECONDITION'], ['Aborted', 'ABORTED'], ['OutOfRange', 'OUT_OF_RANGE'],
  ['Unimplemented', 'UNIMPLEMENTED'], ['Internal', 'INTERNAL'], ['Unavailable', 'UNAVAILABLE'],
  ['DataLoss', 'DATA_LOSS'], ['Unauthenticated', 'UNAUTHENTICATED']];

/** The number in a grpc-status header, or null. */
export const grpcStatusOf = (value: string | null): number | null =>
  (value !== null && /^\d{1,9}$/.test(value) ? Number(value) : null);

/** The first parameter of that name, as it stands in the query; null when there is none. */
export function queryParameter(query: string, name: string): string | null {
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    if ((equals < 0 ? part : part.slice(0, equals)) === name) return equals < 0 ? '' : part.slice(equals + 1);
  }
  return null;
}

export const endpointName = (endpoint: Endpoint): string => endpoint.hostname || endpoint.text;

/** 'a.test:80' as 'a.test', '[::1]:80' as '::1'. */
export function withoutPort(text: string): string {
  if (text.startsWith('[')) return text.slice(1, text.indexOf(']'));
  const colon = text.lastIndexOf(':');
  return colon > 0 && text.indexOf(':') === colon ? text.slice(0, colon) : text;
}

/** The network that an address lies in, as CIDR; '' for more bits than the address has. */
export function maskedAddress(address: string, bits: number): string {
  const six = isIPv6(address);
  const width = six ? 128 : 32;
  if (bits > width) return '';
  const groups = six ? groupsOf(address) : address.split('.').map(Number);
  const groupBits = six ? 16 : 8;
  const masked = groups.map((group, index) => {
    const kept = Math.max(0, Math.min(groupBits, bits - index * groupBits));
    return group & (((1 << kept) - 1) << (groupBits - kept));
  });
  return `${six ? compressed(masked) : masked.join('.')}/${bits}`;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head, tail] = address.split('::');
  const parse = (text: string | undefined): number[] => (text === undefined || text === '' ? []
    : text.split(':').map((group) => parseInt(group, 16)));
  const left = parse(head), right = parse(tail);
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** The shortest form of an address, found by the runtime's own printer. */
function compressed(groups: readonly number[]): string {
  const list = new BlockList();
  list.addAddress(groups.map((group) => group.toString(16)).join(':'), 'ipv6');
  return /IPv6 (\S+)/.exec(list.rules[0])![1];
}

type Tree = { readonly [key: string]: unknown };

/** What %METADATA(source:...)% stands for; undefined when there is none. */
export function metadataValue(stream: Stream, source: string, path: readonly string[]): unknown {
  return metadataAt(metadataOf(stream, source), path);
}

/** The same as text: a text as it is, everything else as JSON; '' when there is none. */
export function metadataText(stream: Stream, source: string, path: readonly string[]): string {
  const value = metadataValue(stream, source, path);
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? Buffer.from(value, 'utf8').toString('latin1')
    : Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
}

/** filter_metadata of one source, or null. */
function metadataOf(stream: Stream, source: string): Tree | null {
  switch (source) {
    case 'CLUSTER': return stream.cluster?.config.metadata ?? null;
    case 'ROUTE': return stream.route?.json.metadata ?? null;
    case 'VIRTUAL_HOST': return stream.route?.virtualHost.metadata ?? null;
    case 'DYNAMIC': return stream.metadata;
    case 'LISTENER': return stream.origin?.listener.metadata ?? null;
    default: return null;
  }
}

/** Names and values of the header lines, and three bytes for each: how Envoy counts header bytes of HTTP/1.1. */
export function headerLinesBytes({ i32 }: Engine, record: number): number {
  const words = record >> 2;
  const count = i32[words + Head.headerCount];
  let bytes = 3 * count;
  for (let i = 0; i < count; i++) {
    const line = words + Head.headers + i * 4;
    bytes += (i32[line + HeaderLine.nameBytes_meta] & 0xffff) + i32[line + HeaderLine.valueBytes];
  }
  return bytes;
}
