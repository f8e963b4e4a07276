// The admin server's own access log (`admin.access_log`): Envoy's format commands, formatted on the main thread,
// where requests are few. Commands that mean nothing for an admin request print '-', as in Envoy.
import type { AccessLog, JsonFormat } from '../config/types.js';
import type { LogSinks } from '../telemetry/log-sinks.js';
import type { AdminRequest } from './server.js';

/** Envoy's default format; a bootstrap's text formats bring their own line end. */
export const DEFAULT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% ' +
  '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% ' +
  '"%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** A function for AdminServerOptions.onRequest that writes one line to each sink. */
export function adminAccessLog(logs: readonly AccessLog[], sinks: LogSinks): (request: AdminRequest) => void {
  const targets = logs.map(({ sink, format }) => ({ id: sinks.sink(sink), format }));
  return (request) => {
    for (const { id, format } of targets) {
      const line =
        format.kind === 'text'
          ? formatted(
              format.format === '' ? DEFAULT_FORMAT : format.format,
              request,
              format.omitEmptyValues ? '' : '-',
            )
          : `${JSON.stringify(jsonValue(format.fields, request, format.omitEmptyValues))}\n`;
      sinks.append(id, Buffer.from(line));
    }
  };
}

function jsonValue(value: JsonFormat[string], request: AdminRequest, omitEmpty: boolean): JsonFormat[string] {
  if (typeof value === 'string') {
    const text = formatted(value, request, omitEmpty ? '' : '-');
    return /^%(RESPONSE_CODE|BYTES_RECEIVED|BYTES_SENT|DURATION)%$/.test(value) ? Number(text) : text;
  }
  if (Array.isArray(value)) return value.map((inner) => jsonValue(inner, request, omitEmpty)) as JsonFormat[];
  if (value === null || typeof value !== 'object') return value;
  const result: JsonFormat = {};
  for (const [name, inner] of Object.entries(value)) {
    const shown = jsonValue(inner, request, omitEmpty);
    if (!(omitEmpty && shown === '')) result[name] = shown;
  }
  return result;
}

function formatted(format: string, request: AdminRequest, empty: string): string {
  return format.replace(
    /%([A-Z_0-9]+)(?:\(([^)]*)\))?(?::(\d+))?%|%%/g,
    (_, command?: string, argument = '', length?: string) => {
      if (command === undefined) return '%';
      const value = commandValue(command, argument, request) ?? empty;
      return length === undefined ? value : value.slice(0, Number(length));
    },
  );
}

function commandValue(command: string, argument: string, request: AdminRequest): string | null {
  switch (command) {
    case 'START_TIME':
      return new Date(request.startedMs).toISOString();
    case 'REQ':
      return (
        argument
          .split('?')
          .map((name) => header(name.toLowerCase(), request))
          .find((value) => value !== null) ?? null
      );
    case 'PROTOCOL':
      return request.protocol;
    case 'RESPONSE_CODE':
      return String(request.status);
    case 'BYTES_RECEIVED':
      return '0';
    case 'BYTES_SENT':
      return String(request.bytesSent);
    case 'DURATION':
      return String(request.durationMs);
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT':
      return request.remoteAddress;
    default:
      return null;
  }
}

function header(name: string, request: AdminRequest): string | null {
  if (name === ':method') return request.method;
  if (name === ':path') return request.path;
  const value = request.headers[name === ':authority' ? 'host' : name];
  return value === undefined ? null : String(value);
}
