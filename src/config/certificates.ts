// Certificates as people see them: who they are for, until when. Read by xds/secrets/ for those that are configured,
// and by workers for those that peers present.

export interface CertificateFacts {
  /** The file it was read from; null: it stood inline or came from SDS. */
  path: string | null;
  serial: string;                     // lower-case hexadecimal
  altNames: AltName[];
  validFromMs: number;
  validToMs: number;
  /** Of the OCSP response that is stapled to it; null: none is. `validToMs` null: it does not say. */
  ocsp: { validFromMs: number; validToMs: number | null } | null;
}
export interface AltName { type: 'dns' | 'uri' | 'ip' | 'email' | 'otherName' | 'other'; value: string }

/** Certificates of a TLS context: its own, and the first root that peers are held against. */
export interface CertificatesOfContext { ca: CertificateFacts | null; chain: CertificateFacts[] }

/** Whole days that are left, as Envoy counts; 0 once it has expired. */
export const daysLeft = ({ validToMs }: CertificateFacts, nowMs: number): number =>
  Math.max(0, Math.floor((validToMs - nowMs) / 86_400_000));

const types: { readonly [label: string]: AltName['type'] } = { DNS: 'dns', URI: 'uri', 'IP Address': 'ip',
  email: 'email', othername: 'otherName' };

/** Node's text of a certificate's names: `DNS:a, IP Address:10.0.0.1`; a value that could mislead is a JSON string. */
export function altNamesOf(text: string | undefined): AltName[] {
  const names: AltName[] = [];
  let rest = text ?? '';
  while (rest !== '') {
    const match = /^([^:]*):("(?:[^"\\]|\\.)*"|.*?)(?:, (?=[A-Za-z][A-Za-z0-9 ]*:)|$)/s.exec(rest);
    if (match === null) break;
    const value = match[2].startsWith('"') ? JSON.parse(match[2]) as string : match[2];
    names.push({ type: types[match[1]] ?? 'other', value });
    rest = rest.slice(match[0].length);
  }
  return names;
}

/** 'a.b' or '*.b', where the star is one label. */
export function coversHost(pattern: string, host: string): boolean {
  const wanted = host.toLowerCase(), own = pattern.toLowerCase();
  if (own === wanted) return true;
  const dot = wanted.indexOf('.');
  return own.startsWith('*.') && dot > 0 && own.slice(1) === wanted.slice(dot);
}
