// Envoy's substitution format, parsed: access-log lines and header values ("%REQ(:METHOD)%", "%START_TIME(%s)%", ...).
// A format is compiled once into operators; workers evaluate them into memory without making strings
// (workers/proxy/formatter.ts). What is not listed here is refused when the configuration is read.

export type Operator =
  | { op: 'text'; text: string }
  | { op: 'requestHeader' | 'responseHeader'; name: string; alternative: string | null; max: number }
  | { op: 'startTime'; format: string; local: boolean }
  | { op: 'environment'; text: string }
  | { op: Simple; max: number };

/** Commands without arguments, by Envoy's name. */
const SIMPLE = {
  PROTOCOL: 'protocol', UPSTREAM_PROTOCOL: 'upstreamProtocol', RESPONSE_CODE: 'responseCode',
  RESPONSE_CODE_DETAILS: 'responseCodeDetails', CONNECTION_TERMINATION_DETAILS: 'connectionTerminationDetails',
  RESPONSE_FLAGS: 'responseFlags', RESPONSE_FLAGS_LONG: 'responseFlagsLong', BYTES_RECEIVED: 'bytesReceived',
  BYTES_SENT: 'bytesSent', REQUEST_HEADERS_BYTES: 'requestHeadersBytes', RESPONSE_HEADERS_BYTES: 'responseHeadersBytes',
  DURATION: 'duration', REQUEST_DURATION: 'requestDuration', RESPONSE_DURATION: 'responseDuration',
  RESPONSE_TX_DURATION: 'responseTxDuration', UPSTREAM_HOST: 'upstreamHost', UPSTREAM_HOST_NAME: 'upstreamHostName',
  UPSTREAM_CLUSTER: 'upstreamCluster', UPSTREAM_CLUSTER_RAW: 'upstreamClusterRaw',
  UPSTREAM_REMOTE_ADDRESS: 'upstreamHost', UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'upstreamRemoteIp',
  UPSTREAM_REMOTE_PORT: 'upstreamRemotePort', UPSTREAM_LOCAL_ADDRESS: 'upstreamLocalAddress',
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: 'upstreamLocalIp', UPSTREAM_LOCAL_PORT: 'upstreamLocalPort',
  UPSTREAM_TRANSPORT_FAILURE_REASON: 'upstreamTransportFailureReason',
  UPSTREAM_REQUEST_ATTEMPT_COUNT: 'upstreamRequestAttemptCount', DOWNSTREAM_REMOTE_ADDRESS: 'downstreamRemoteAddress',
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'downstreamRemoteIp', DOWNSTREAM_REMOTE_PORT: 'downstreamRemotePort',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'downstreamDirectRemoteAddress',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: 'downstreamDirectRemoteIp',
  DOWNSTREAM_DIRECT_REMOTE_PORT: 'downstreamDirectRemotePort',
  DOWNSTREAM_LOCAL_ADDRESS: 'downstreamLocalAddress', DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: 'downstreamLocalIp',
  DOWNSTREAM_LOCAL_PORT: 'downstreamLocalPort', REQUESTED_SERVER_NAME: 'absent', ROUTE_NAME: 'routeName',
  VIRTUAL_CLUSTER_NAME: 'absent', HOSTNAME: 'hostname', CONNECTION_ID: 'connectionId', STREAM_ID: 'streamId',
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: 'absent', DOWNSTREAM_TLS_VERSION: 'absent', DOWNSTREAM_TLS_CIPHER: 'absent',
  DOWNSTREAM_PEER_SUBJECT: 'absent', DOWNSTREAM_PEER_URI_SAN: 'absent', UPSTREAM_TLS_VERSION: 'absent',
  UPSTREAM_TLS_CIPHER: 'absent',
} as const;
export type Simple = (typeof SIMPLE)[keyof typeof SIMPLE];

export type ParsedFormat = { ok: true; operators: Operator[] } | { ok: false; reason: string };

/** Parses a format string; adjacent texts are merged. */
export function parseFormat(format: string): ParsedFormat {
  const operators: Operator[] = [];
  const text = (piece: string) => {
    const last = operators.at(-1);
    if (last?.op === 'text') last.text += piece; else if (piece !== '') operators.push({ op: 'text', text: piece });
  };
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) { text(format.slice(at)); break; }
    text(format.slice(at, percent));
    if (format[percent + 1] === '%') { text('%'); at = percent + 2; continue; }
    const command = /^%([A-Z0-9_]+)(?:\(((?:[^()]|\([^()]*\))*)\))?(?::(\d+))?%/.exec(format.slice(percent));
    if (command === null) return { ok: false, reason: `no complete %COMMAND% at character ${percent} of '${format}'` };
    const operator = parseCommand(command[1]!, command[2] ?? null,
      command[3] === undefined ? Infinity : Number(command[3]));
    if (typeof operator === 'string') return { ok: false, reason: operator };
    if (operator.op === 'text') text(operator.text); else operators.push(operator);
    at = percent + command[0].length;
  }
  return { ok: true, operators };
}

function parseCommand(name: string, argument: string | null, max: number): Operator | string {
  if (name === 'REQ' || name === 'RESP') {
    const names = (argument ?? '').split('?');
    if (names.length > 2 || names.some((header) => !/^:?[!#$&'*+\-.^_`|~0-9A-Za-z]+$/.test(header))) {
      return `%${name}(${argument ?? ''})% needs one header name, or two divided by '?'`;
    }
    return { op: name === 'REQ' ? 'requestHeader' : 'responseHeader', name: names[0]!.toLowerCase(),
      alternative: names[1]?.toLowerCase() ?? null, max };
  }
  if (name === 'START_TIME' || name === 'START_TIME_LOCAL') {
    const format = argument ?? '';
    const bad = /%(?![YmdHMSFTzZsefajbBypeInt%]|[1-9]?f|[369][sf]?|E[1-9*]?S)/.exec(format);
    if (bad !== null) return `%START_TIME(${format})% holds an unknown conversion at '${format.slice(bad.index)}'`;
    return { op: 'startTime', format, local: name === 'START_TIME_LOCAL' };
  }
  if (name === 'ENVIRONMENT') {
    if (argument === null) return '%ENVIRONMENT% needs the name of a variable';
    return { op: 'text', text: (process.env[argument.split(':')[0]!] ?? '-').slice(0, max) };
  }
  if (name === 'TRAILER') return { op: 'absent', max };
  const simple = (SIMPLE as Record<string, Simple | undefined>)[name];
  if (simple === undefined) return `%${name}% is not a known command`;
  if (argument !== null) return `%${name}% takes no argument`;
  return { op: simple, max };
}

/** Envoy's default access-log format for HTTP. */
export const DEFAULT_FORMAT = '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
  + '%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
  + '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
  + '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** Does evaluating need response headers other than those that the engine knows as numbers? */
export const needsResponseHead = (operators: readonly Operator[]): boolean =>
  operators.some((operator) => operator.op === 'responseHeader'
    && (operator.name !== 'x-envoy-upstream-service-time' || operator.alternative !== null));
export const needsRequestHead = (operators: readonly Operator[]): boolean =>
  operators.some((operator) => operator.op === 'requestHeader');
