// What connections to a cluster's endpoints say in TLS: the context made of its secrets, and sessions of before, which
// make the next handshake short.
import type { TlsSlots, UpstreamTls } from '../../config/tls.js';
import { CTRL_SET_TLSEXT_HOSTNAME } from '../../os/openssl.js';
import type { Engine } from '../engine.js';
import type { Context } from './context.js';
import { tlsOf } from './library.js';
import { materialsOf, versionOf } from './materials.js';
import type { TlsSession } from './session.js';

/** Contexts of other names than these: the oldest goes. */
const NAMES_MAX = 64;

export class ClientContext {
  private version = '';
  /** By the name that certificates must be for; '' = as the matchers say. */
  private readonly byName = new Map<string, Context>();
  /** Sessions that may be resumed, by server name and the name that was verified; the newest last. */
  private readonly sessions = new Map<string, number[]>();
  fault = '';

  /** `offered`: what ALPN says where the configuration does not. */
  constructor(private readonly engine: Engine, readonly tls: UpstreamTls, private readonly slots: TlsSlots,
    private readonly offered: readonly string[]) {}

  /**
   * The context for a connection whose server must have a certificate for `name` ('' = as the matchers say). Null: its
   * secrets have not come, or are no good.
   */
  contextFor(name: string): Context | null {
    this.follow();
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const materials = materialsOf(this.engine, this.tls.common, this.slots);
    if (materials === null) return null;
    if (this.byName.size >= NAMES_MAX) this.forget(this.byName.keys().next().value!);
    try {
      const context = tlsOf(this.engine).contexts.client(this.tls, materials, name, this.offered);
      this.byName.set(name, context);
      this.fault = '';
      return context;
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  /** Other secrets: handshakes from now on are of new contexts. */
  private follow(): void {
    const version = versionOf(this.engine, this.slots);
    if (version === this.version) return;
    if (materialsOf(this.engine, this.tls.common, this.slots) === null && this.version !== '') return;
    this.release();
    this.version = version;
  }

  /** Before the handshake. */
  prepare(session: TlsSession, serverName: string, verified: string): void {
    const { ssl } = tlsOf(this.engine);
    if (serverName !== '') ssl.SSL_ctrlText(session.ssl, CTRL_SET_TLSEXT_HOSTNAME, 0, serverName);
    const kept = this.sessions.get(`${serverName} ${verified}`)?.pop();
    if (kept === undefined) return;
    ssl.SSL_set_session(session.ssl, kept);
    ssl.SSL_SESSION_free(kept);
  }

  /** A connection is about to end: what it can be resumed by is kept. */
  keep(session: TlsSession, serverName: string, verified: string): void {
    const { maxSessionKeys } = this.tls;
    if (maxSessionKeys === 0) return;
    const { ssl } = tlsOf(this.engine);
    const pointer = ssl.SSL_get1_session(session.ssl);
    if (pointer === 0) return;
    if (ssl.SSL_SESSION_is_resumable(pointer) !== 1) { ssl.SSL_SESSION_free(pointer); return; }
    const key = `${serverName} ${verified}`;
    let kept = this.sessions.get(key);
    if (kept === undefined) this.sessions.set(key, kept = []);
    kept.push(pointer);
    if (kept.length > maxSessionKeys) ssl.SSL_SESSION_free(kept.shift()!);
  }

  private forget(name: string): void {
    const context = this.byName.get(name);
    if (context === undefined) return;
    this.byName.delete(name);
    tlsOf(this.engine).contexts.release(context);
  }

  release(): void {
    for (const name of [...this.byName.keys()]) this.forget(name);
    for (const kept of this.sessions.values())
      for (const pointer of kept) tlsOf(this.engine).ssl.SSL_SESSION_free(pointer);
    this.sessions.clear();
  }
}
