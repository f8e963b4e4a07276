// A locality as one text: equal for equal localities, '' for the one that nothing is known of, and in the order that
// Envoy sorts localities in (region, zone, sub-zone).
import type { Endpoint } from './types.js';

export const localityText = ({ region, zone, subZone }: Endpoint['locality']): string =>
  region === '' && zone === '' && subZone === '' ? '' : `${region}\0${zone}\0${subZone}`;
