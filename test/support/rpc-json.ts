// Configuration of rpc_json_transcoder for tests: connection managers with the filter, routes with a call.
const TYPE = 'type.googleapis.com/weft.extensions.';
const ROUTER = { name: 'router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } };
const FILTER_TYPE = `${TYPE}filters.http.rpc_json_transcoder.v1.RpcJsonTranscoder`;

/** `behind`: types of filters between it and the router. */
export const jsonManager = (...behind: readonly string[]): Record<string, unknown> => ({ http_filters: [{ name: 'json',
  typed_config: { '@type': FILTER_TYPE } }, ...behind.map((type) => ({ name: type,
  typed_config: { '@type': `${TYPE}${type}` } })), ROUTER] });

/** `more`: of the filter on the route; `route`: of its action. */
export const routeCalls = (match: object, cluster: string, call: object, more: object = {},
  route: object = {}): Record<string, unknown> => ({ match, route: { cluster, ...route },
  typed_per_filter_config: { json: { '@type': FILTER_TYPE, call, ...more } } });

/** The other way: calls become requests. */
export const routeRequests = (match: object, cluster: string, request: object, more: object = {},
  route: object = {}): Record<string, unknown> => ({ match, route: { cluster, ...route },
  typed_per_filter_config: { json: { '@type': FILTER_TYPE, request, ...more } } });

export const spokenIn = (protocol: 'BOLT' | 'DUBBO'): Record<string, unknown> => ({ typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { protocol,
    '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions` } } });

export interface JsonAnswer { status: number; type: string | null; length: string | null; text: string }

export async function askJson(port: number, path: string, body: string | Uint8Array | null,
  headers: Record<string, string> = { 'content-type': 'application/json' }, method = 'POST'): Promise<JsonAnswer> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body as string, headers });
  return { status: answer.status, type: answer.headers.get('content-type'),
    length: answer.headers.get('content-length'), text: await answer.text() };
}
export const errorJson = (type: string, message: string): string => JSON.stringify({ error: { type, message } });
