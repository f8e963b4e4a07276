// Dubbo 2 frames as other programs make them, in both serializations.
export const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** A hessian2 string in its shortest form. */
export function hs(text: string): Buffer {
  const bytes = Buffer.from(text), units = text.length;
  const head = units < 32 ? [units] : units < 1024 ? [0x30 | units >> 8, units & 255] : [0x53, units >> 8, units & 255];
  return Buffer.concat([Buffer.from(head), bytes]);
}
/** In pieces of `units` characters. */
export function chunked(text: string, units: number): Buffer {
  const parts: Buffer[] = [];
  while (text.length > units) {
    parts.push(Buffer.from([0x52, units >> 8, units & 255]), Buffer.from(text.slice(0, units)));
    text = text.slice(units);
  }
  return Buffer.concat([...parts, hs(text)]);
}
export const hmap = (...list: (readonly [string, string])[]): Buffer =>
  Buffer.concat([hex('48'), ...list.flatMap(([name, value]) => [hs(name), hs(value)]), hex('5a')]);

/** A JSONB string in its shortest form, as Java writes it: Latin-1 as if it were ASCII. */
export function js(text: string): Buffer {
  const ascii = !/[^\0-\xff]/.test(text), bytes = Buffer.from(text, ascii ? 'latin1' : 'utf8');
  if (ascii && bytes.length < 48) return Buffer.concat([Buffer.from([0x49 + bytes.length]), bytes]);
  const n = bytes.length;
  const length = n < 0x30 ? Buffer.from([n]) : n < 0x800 ? Buffer.from([0x38 + (n >> 8), n & 255])
    : n < 0x40000 ? Buffer.from([0x44 + (n >> 16), n >> 8 & 255, n & 255]) : Buffer.concat([hex('48'), u32(n)]);
  return Buffer.concat([Buffer.from([ascii ? 0x79 : 0x7a]), length, bytes]);
}
export const item = (bytes: Buffer): Buffer => Buffer.concat([u32(bytes.length), bytes]);
export const jmap = (...list: (readonly [string, string])[]): Buffer =>
  item(Buffer.concat([hex('a6'), ...list.flatMap(([name, value]) => [js(name), js(value)]), hex('a5')]));

export function frame(flags: number, status: number, id: bigint, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt16BE(0xdabb);
  header[2] = flags;
  header[3] = status;
  header.writeBigUInt64BE(BigInt.asUintN(64, id), 4);
  header.writeUInt32BE(body.length, 12);
  return Buffer.concat([header, body]);
}

export const SERVICE = 'com.alibaba.dubbo.demo.DemoService';
export const attachments = [['path', SERVICE], ['interface', SERVICE], ['version', '0.0.0'], ['group', 'g1'],
  ['timeout', '1000'], ['dubbo.tag', 'gray']] as const;

export interface Call { service?: string; version?: Buffer; method?: string; descriptor?: string; values?: Buffer[];
  map?: Buffer | null; flags?: number; id?: bigint }
/** sayHello("world"), as dubbo-remoting writes it, with more attachments. */
export function hessianCall(call: Call = {}): Buffer {
  const { service = SERVICE, version = hs('0.0.0'), method = 'sayHello', descriptor = 'Ljava/lang/String;',
    values = [hs('world')], map = hmap(...attachments), flags = 0xc2, id = 1n } = call;
  return frame(flags, 0, id, Buffer.concat([hs('2.0.2'), hs(service), version, hs(method), hs(descriptor), ...values,
    ...(map === null ? [] : [map])]));
}
export function fastjsonCall(call: Call = {}): Buffer {
  const { service = SERVICE, version = js('0.0.0'), method = 'sayHello', descriptor = 'Ljava/lang/String;',
    values = [js('world')], map = jmap(...attachments), flags = 0xd7, id = 1n } = call;
  return frame(flags, 0, id, Buffer.concat([...[js('2.0.2'), js(service), version, js(method), js(descriptor),
    ...values].map(item), ...(map === null ? [] : [map])]));
}
