// The RPC protocols that the engine speaks, by the names that configuration has for them.
import { bolt } from './bolt.js';
import type { RpcProtocol } from './protocol.js';

const protocols: readonly RpcProtocol[] = [bolt];

/** Those that configuration may name. */
export const servedProtocols: readonly string[] = protocols.map(({ name }) => name);

/** What a client speaks ('downstream') is Bolt, as long as nothing else is served. */
export const protocolNamed = (name: string): RpcProtocol =>
  protocols.find((protocol) => protocol.name === name) ?? bolt;
