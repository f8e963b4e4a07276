// Asking for the addresses of one name: the system's resolver, which knows the hosts file and search domains, or name
// servers of the configuration.
import { ADDRCONFIG, promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { DnsOptions, DnsResolver } from '../config/dns.js';

export interface Resolution { addresses: string[]; ttlMs: number }
type Family = DnsOptions['family'];
/** Resolves one name; rejects when there is no answer. `ttlMs` is 0 when it is not known. */
export type Resolve = (host: string, family: Family, wantTtl: boolean, resolver: DnsResolver | null) =>
  Promise<Resolution>;

export const resolveHost: Resolve = async (host, family, wantTtl, resolver) => {
  if (resolver === null || resolver.servers.length === 0) return bySystem(host, family, wantTtl, resolver);
  if (resolver.serversOnlyAsFallback) {
    return bySystem(host, family, wantTtl, resolver).catch(() => byServers(host, family, resolver));
  }
  return byServers(host, family, resolver);
};

async function byServers(host: string, family: Family, resolver: DnsResolver): Promise<Resolution> {
  const { servers, timeoutMs, tries } = resolver;
  const asked = new dns.Resolver({ ...(timeoutMs !== null && { timeout: timeoutMs }),
    ...(tries !== null && { tries }) });
  asked.setServers(servers);
  const found = await query(asked, host, family, resolver);
  if (found === null) throw new Error(`no answer of ${servers.join(', ')}`);
  return found;
}

/** DNS itself where a time to live is wanted and it has the name. */
async function bySystem(host: string, family: Family, wantTtl: boolean, resolver: DnsResolver | null):
  Promise<Resolution> {
  if (wantTtl) {
    const found = await query(dns, host, family, resolver).catch(() => null);
    if (found !== null) return found;
  }
  // a single word is left to the hosts file
  const name = resolver?.searchDomains === false && /\.[^.]/.test(host) && !host.endsWith('.') ? `${host}.` : host;
  const all = await dns.lookup(name, { all: true, family: family === 'v4Only' ? 4 : family === 'v6Only' ? 6 : 0,
    verbatim: true, hints: resolver?.filterUnroutable === true ? ADDRCONFIG : 0 });
  return { addresses: chooseFamily(all.map((entry) => entry.address), family), ttlMs: 0 };
}

async function query(from: Pick<typeof dns, 'resolve4' | 'resolve6'>, host: string, family: Family,
  resolver: DnsResolver | null): Promise<Resolution | null> {
  const routable = (kind: 'IPv4' | 'IPv6') => resolver?.filterUnroutable !== true || hasInterface(kind);
  const v4 = family === 'v6Only' || !routable('IPv4') ? [] : await from.resolve4(host, { ttl: true }).catch(() => []);
  const v6 = family === 'v4Only' || !routable('IPv6') ? [] : await from.resolve6(host, { ttl: true }).catch(() => []);
  const all = [...v6, ...v4];
  if (all.length === 0) return null;
  const chosen = new Set(chooseFamily(all.map((record) => record.address), family));
  return { addresses: [...chosen], ttlMs: Math.min(...all.filter((r) => chosen.has(r.address)).map((r) =>
    r.ttl)) * 1000 };
}

const hasInterface = (family: 'IPv4' | 'IPv6'): boolean => Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some((address) => address.family === family && !address.internal) === true);

/** Envoy's dns_lookup_family: AUTO takes IPv6 if there is any, else IPv4; V4_PREFERRED the reverse; ALL takes both. */
export function chooseFamily(addresses: string[], family: Family): string[] {
  const v4 = addresses.filter((address) => isIP(address) === 4);
  const v6 = addresses.filter((address) => isIP(address) === 6);
  switch (family) {
    case 'v4Only': return v4;
    case 'v6Only': return v6;
    case 'auto': return v6.length > 0 ? v6 : v4;
    case 'v4Preferred': return v4.length > 0 ? v4 : v6;
    case 'all': return addresses;
  }
}
