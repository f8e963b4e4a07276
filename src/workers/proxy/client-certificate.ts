// x-forwarded-client-cert: who a request comes from, as certificates say it. Without a certificate nobody may claim
// one,
// so what the client sent of it goes, unless it is always forwarded; with one it stays, goes, or says this one as well.
import { Head, Header } from '../../core/generated/layouts.js';
import type { ForwardClientCert } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { Stream } from './stream.js';

const NAME = 'x-forwarded-client-cert';
const KNOWN = Header[NAME];

/** What a connection's certificate says, made for the first request that says it. */
const texts = new WeakMap<TlsFacts, string>();

/** False: the header has become longer than a head may be. */
export function admitClientCertificate(engine: Engine, stream: Stream, config: ForwardClientCert): boolean {
  const { tls } = stream.downstream!.addresses;
  const { mode } = config;
  if (mode === 'alwaysForwardOnly') return true;
  const present = engine.u16[(engine.requestRecord >> 1) + Head.known * 2 + KNOWN] !== 0;
  if (mode === 'sanitize' || tls === null || !tls.peerPresented) {
    if (present) engine.codecs.h1DropClientCert(engine.requestRecord);
    return true;
  }
  if (mode === 'forwardOnly') return true;
  const before = mode === 'appendForward' && present ? recordHeader(engine, engine.requestRecord, NAME) : null;
  const own = ownText(tls, config);
  const bytes = own.length + (before === null ? 0 : before.length + 1);
  if (bytes > limits.clientCertBytesMax) return false;
  const at = engine.clientCertScratch;
  let end = at;
  if (before !== null && before !== '') {
    end += engine.writeText(end, before);
    end += engine.writeText(end, ',');
  }
  end += engine.writeText(end, own);
  return engine.codecs.h1PlaceClientCert(engine.requestRecord, at, end - at, limits.headersCountMax) !== 0;
}

/** One connection has one connection manager, so the text depends on nothing else. */
function ownText(tls: TlsFacts, config: ForwardClientCert): string {
  let text = texts.get(tls);
  if (text === undefined) texts.set(tls, text = made(tls, config));
  return text;
}

function made(tls: TlsFacts, { subject, cert, chain, dns, uri }: ForwardClientCert): string {
  const parts: string[] = [];
  for (const by of tls.names('LOCAL', 'URI_SAN')) parts.push(`By=${by}`);
  parts.push(`Hash=${tls.text('PEER_FINGERPRINT_256')}`);
  if (cert) parts.push(`Cert="${tls.text('PEER_CERT')}"`);
  if (chain) parts.push(`Chain="${tls.text('PEER_CERT_CHAIN')}"`);
  if (subject) parts.push(`Subject="${tls.text('PEER_SUBJECT')}"`);
  if (uri) {
    const uris = tls.names('PEER', 'URI_SAN');
    for (const one of uris.length === 0 ? [''] : uris) parts.push(`URI=${one}`);
  }
  if (dns) for (const one of tls.names('PEER', 'DNS_SAN')) parts.push(`DNS=${one}`);
  return parts.join(';');
}
