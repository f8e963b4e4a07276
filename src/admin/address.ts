// Addresses as the admin server prints them, as text and as envoy.config.core.v3.Address.
import type { Address } from '../config/types.js';
import type { JsonObject } from './backend.js';

export function addressText(address: Address): string {
  if (address.kind === 'pipe') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

export function addressJson(address: Address): JsonObject {
  if (address.kind === 'pipe') return { pipe: { path: address.path } };
  return { socket_address: { address: address.host, port_value: address.port } };
}
