// Starts users' codecs in a worker. One that does not start is said, and its connections are closed: it was tried when
// the configuration was read, so this is rare.
import type { RpcProtocol } from '../../protocols/protocol.js';
import type { Engine } from '../engine.js';
import type { RpcCodecModule } from '../messages.js';
import { UserCodec } from './user-codec.js';

export function startUserCodecs(engine: Engine, codecs: readonly RpcCodecModule[]): void {
  const started: RpcProtocol[] = [];
  for (const codec of codecs) {
    try { started.push(new UserCodec(engine, codec)); } catch (error) { engine.report(error); }
  }
  engine.userProtocols = started;
}
