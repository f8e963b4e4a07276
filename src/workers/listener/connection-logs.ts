// Access logs of listeners: a line for each connection when it is over, also for those that found no filter chain. A
// session's line says what its stream says; of an HTTP connection only the connection is known here.
import type { DetailText } from '../../core/response-flags.js';
import { detail } from '../../core/response-flags.js';
import { ConnectionAddresses } from '../connection/addresses.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import type { ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { AccessLogWriter } from '../proxy/access-log.js';
import { Stream } from '../proxy/stream.js';
import type { TlsAccept } from '../tls/accept.js';
import type { ListenerRuntime } from './listener.js';

interface Unbegun extends ConnectionFacts {
  readonly listener: ListenerRuntime;
  readonly fd: number;
  readonly openedMs: number;
}

export class ConnectionLogs {
  private readonly stream = new Stream();

  constructor(private readonly engine: Engine, private readonly writer: AccessLogWriter) {}

  /** A connection that is over. */
  connection(connection: ListenerConnection): void {
    const { logs } = connection.listener;
    const stream = connection.logged ?? this.begin(connection.openedMs);
    if (connection.logged === null) {
      stream.session = connection;
      stream.headless = connection.bytesReceived === 0;
      stream.request.bytes = connection.bytesReceived;
      stream.response.bytes = connection.bytesSent;
      // nothing of it is on the wire, as in Envoy's lines
      stream.requestHeadBytes = -connection.bytesReceived;
      stream.sentHeadBytes = -connection.bytesSent;
    }
    for (let i = 0; i < logs.length; i++) this.writer.write(stream, logs[i], 'NotSet');
  }

  /** A handshake that came to nothing, while its socket and session are there to be asked. */
  handshake(accept: TlsAccept): void { this.inspection(accept, 0, null, accept.reason, accept.details); }

  /** One that never began. */
  inspection(inspection: Unbegun, flags: number, details: DetailText | null, failure = '', termination = ''): void {
    const { listener, fd } = inspection;
    const { logs } = listener;
    if (logs.length === 0) return;
    const stream = this.begin(inspection.openedMs);
    stream.flags = flags;
    if (details !== null) stream.details = detail(details);
    const addresses = new ConnectionAddresses(this.engine);
    addresses.reset(fd);
    addresses.learn(inspection);
    addresses.transportFailure = failure;
    addresses.terminationDetails = termination;
    stream.session = { listener, addresses, id: 0, chainName: '' };
    for (let i = 0; i < logs.length; i++) this.writer.write(stream, logs[i], 'NotSet');
  }

  private begin(openedMs: number): Stream {
    const { stream, engine } = this;
    stream.clear();
    stream.id = -1;
    stream.headless = true;
    stream.startMs = openedMs;
    stream.startWallMs = engine.wallMs - (engine.nowMs - openedMs);
    return stream;
  }
}
