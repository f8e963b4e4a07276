// Cipher suites by their names here and there, and the families that no browser should be served with.

export interface Suite {
  code: number; openssl: string; standard: string; version: '1.2' | '1.3';
  key: 'ecdsa' | 'rsa' | 'any';
}

const suite = (code: number, openssl: string, standard: string, version: '1.2' | '1.3', key: Suite['key']): Suite =>
  ({ code, openssl, standard, version, key });

/** Those of the default list. */
export const allowedSuites: readonly Suite[] = [
  suite(0xc02b, 'ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', '1.2', 'ecdsa'),
  suite(0xcca9, 'ECDHE-ECDSA-CHACHA20-POLY1305', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', '1.2', 'ecdsa'),
  suite(0xc02f, 'ECDHE-RSA-AES128-GCM-SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', '1.2', 'rsa'),
  suite(0xcca8, 'ECDHE-RSA-CHACHA20-POLY1305', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', '1.2', 'rsa'),
  suite(0xc02c, 'ECDHE-ECDSA-AES256-GCM-SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', '1.2', 'ecdsa'),
  suite(0xc030, 'ECDHE-RSA-AES256-GCM-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', '1.2', 'rsa'),
  suite(0x1301, 'TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256', '1.3', 'any'),
  suite(0x1302, 'TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384', '1.3', 'any'),
  suite(0x1303, 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', '1.3', 'any'),
];
/** Of versions before 1.2, where they are asked for. */
export const oldSuite = suite(0xc013, 'ECDHE-RSA-AES128-SHA', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', '1.2', 'rsa');

const openSslNames = new Map([...allowedSuites, oldSuite].map(({ standard, openssl }) => [standard, openssl]));
/** OpenSSL's name of a suite by either name. */
export const openSslName = (name: string): string => openSslNames.get(name) ?? name;

const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** None of these is served, however many of a family a client offers. */
export const refusedSuites: readonly (readonly [family: string, codes: readonly number[]])[] = [
  ['NULL', [0x0001, 0x0002, 0x003b, 0x002c, 0x002d, 0x002e, 0xc001, 0xc006, 0xc00b, 0xc010, 0xc015]],
  ['EXPORT', [0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0017, 0x0019, 0x0062, 0x0064]],
  ['RC4', [0x0004, 0x0005, 0x0018, 0xc002, 0xc007, 0xc00c, 0xc011, 0xc016]],
  ['DES, IDEA', [0x0007, 0x0009, 0x000c, 0x000f, 0x0012, 0x0015, 0x001a]],
  ['3DES', [0x000a, 0x000d, 0x0010, 0x0013, 0x0016, 0x001b, 0xc003, 0xc008, 0xc00d, 0xc012, 0xc017]],
  ['anonymous', [0x0018, 0x001b, 0x0034, 0x003a, 0x006c, 0x006d, 0x00a6, 0x00a7, 0xc016, 0xc017, 0xc018, 0xc019]],
  ['ECDHE, CBC, SHA-1', [0xc009, 0xc00a, 0xc013, 0xc014]],
  ['ECDHE, CBC, SHA-2', [0xc023, 0xc024, 0xc027, 0xc028]],
  ['RSA key exchange, CBC', [0x002f, 0x0035, 0x003c, 0x003d]],
  ['RSA key exchange, GCM and CCM', [0x009c, 0x009d, 0xc09c, 0xc09d, 0xc0a0, 0xc0a1]],
  ['DHE', [0x0033, 0x0039, 0x0067, 0x006b, 0x009e, 0x009f, 0xccaa, 0xc09e, 0xc09f]],
  ['static DH and ECDH', [0x0030, 0x0031, 0x0036, 0x0037, 0xc004, 0xc005, 0xc00e, 0xc00f, 0xc02d, 0xc02e, 0xc031]],
  ['PSK', [0x008a, 0x008b, 0x008c, 0x008d, 0x00a8, 0x00a9, 0x00ae, 0x00af, 0xccab, 0xc035, 0xc036]],
  ['SRP', [0xc01a, 0xc01b, 0xc01c, 0xc01d, 0xc01e, 0xc01f, 0xc020, 0xc021, 0xc022]],
  ['ECDHE, CCM', [0xc0ac, 0xc0ad, 0xc0ae, 0xc0af]],
  ['CAMELLIA, ARIA, SEED', [0x0041, 0x0084, 0x0096, 0x00ba, 0x00c0, ...from(0xc05c, 0xc063), 0xc072, 0xc076, 0xc07b]],
  ['GREASE and codes of nobody', [0x0a0a, 0x1a1a, 0xfafa, 0x9999, 0xffff]],
];
