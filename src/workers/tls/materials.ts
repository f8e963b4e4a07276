// What TLS contexts are made of: certificates, what peers are held against, ticket keys, as the snapshot's secrets have
// them now. Another version of any of them has another blob, by whose offset it is known.
import { mergeValidation } from '../../config/tls.js';
import type { CertificateContents, TlsCommon, TlsSlots, TlsValidation } from '../../config/tls.js';
import type { Engine } from '../engine.js';

/** What a context is made of; null: not all of it has come. */
export interface Materials {
  certificates: CertificateContents[];
  validation: TlsValidation | null;
  ticketKeys: string[];
}

/** Offsets of the blobs of these secrets, as one text: another one when one has other contents. */
export function versionOf(engine: Engine, slots: TlsSlots): string {
  const { snapshot } = engine;
  const root = snapshot.root!;
  const blob = (slot: number): number => slot < 0 ? 0 : snapshot.secretBlob(root, slot);
  return [...slots.certificates, ...slots.validation, slots.ticketKeys].map(blob).join();
}

/** Null: a secret's contents have not come yet. */
export function materialsOf(engine: Engine, common: TlsCommon, slots: TlsSlots): Materials | null {
  const { snapshot } = engine;
  const root = snapshot.root!;
  const read = (slot: number) => {
    const blob = slot < 0 ? 0 : snapshot.secretBlob(root, slot);
    return blob === 0 ? null : snapshot.readSecret(blob);
  };
  const certificates: CertificateContents[] = [];
  for (const slot of slots.certificates) {
    const secret = read(slot);
    if (secret === null || secret.kind !== 'certificate') return null;
    certificates.push(secret);
  }
  const parts: TlsValidation[] = common.validation === null ? [] : [common.validation];
  for (const slot of slots.validation) {
    const secret = read(slot);
    if (secret === null || secret.kind !== 'validation') return null;
    parts.push(secret.validation);
  }
  const tickets = slots.ticketKeys < 0 ? null : read(slots.ticketKeys);
  if (slots.ticketKeys >= 0 && (tickets === null || tickets.kind !== 'ticketKeys')) return null;
  return { certificates, validation: parts.length === 0 ? null : mergeValidation(parts),
    ticketKeys: tickets !== null && tickets.kind === 'ticketKeys' ? tickets.keys : [] };
}
