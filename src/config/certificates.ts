// Certificates as people see them: who they are for, until when. What is read of them is in xds/secrets/.

export interface CertificateFacts {
  /** The file it was read from; null: it stood inline or came from SDS. */
  path: string | null;
  serial: string;                     // lower-case hexadecimal
  altNames: AltName[];
  validFromMs: number;
  validToMs: number;
}
export interface AltName { type: 'dns' | 'uri' | 'ip' | 'email' | 'other'; value: string }

/** Certificates of a TLS context: its own, and the first root that peers are held against. */
export interface CertificatesOfContext { ca: CertificateFacts | null; chain: CertificateFacts[] }

/** Whole days that are left, as Envoy counts; 0 once it has expired. */
export const daysLeft = ({ validToMs }: CertificateFacts, nowMs: number): number =>
  Math.max(0, Math.floor((validToMs - nowMs) / 86_400_000));
