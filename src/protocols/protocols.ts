// The RPC protocols that the engine speaks, by the names that configuration has for them.
import { bolt } from './bolt.js';
import { dubbo } from './dubbo.js';
import { example } from './example.js';
import type { RpcProtocol } from './protocol.js';

const protocols: readonly RpcProtocol[] = [bolt, dubbo, example];

/** Does a cluster that is spoken to in `rpc` ('': HTTP, 'downstream': what clients speak) take such messages? */
export const speaks = (rpc: string, protocol: RpcProtocol | null): boolean =>
  rpc === 'downstream' || rpc === (protocol === null ? '' : protocol.name);

/** Of these, or of `further`, which users have brought. Null: none has this name. */
export const protocolNamed = (name: string, further: readonly RpcProtocol[] = []): RpcProtocol | null =>
  protocols.find((protocol) => protocol.name === name) ?? further.find((protocol) => protocol.name === name) ?? null;
