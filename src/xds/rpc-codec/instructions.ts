// The instructions of WebAssembly that a codec may have: how long each is, and what it costs. An instruction that is
// not here is refused with its number.
import { NotMetered } from './binary.js';
import type { Reader } from './binary.js';

/** Instructions that metering looks at. */
export const OP = { block: 0x02, loop: 0x03, if: 0x04, end: 0x0b, call: 0x10, globalGet: 0x23, globalSet: 0x24,
  localGet: 0x20, memorySize: 0x3f, memoryGrow: 0x40, i32Const: 0x41, bulk: 0xfc, vector: 0xfd } as const;
/** Behind OP.bulk: those that take as long as the bytes that they are told. */
export const isByteRun = (sub: number): boolean => sub === 8 || sub === 10 || sub === 11;
const MEMORY_INDEX = 0x40;

/** What the slow ones cost beyond their length in bytes. */
const LOAD_COST = 8, DIVIDE_COST = 16, CALL_COST = 8, VECTOR_COST = 2, RUN_COST = 64;
const divides: ReadonlySet<number> = new Set([0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82, 0x91, 0x95, 0x9f, 0xa3,
  0xe3, 0xe7, 0xef, 0xf3]);

/** Steps over what follows `op` of one byte. Returns what it costs beyond its length. Throws NotMetered. */
export function skipInstruction(op: number, reader: Reader): number {
  if (op === OP.bulk) return skipBulk(reader.u32(), reader);
  if (op === OP.vector) return skipVector(reader.u32(), reader);
  if (op >= 0x28 && op <= 0x3e) {
    skipPlace(reader);
    return LOAD_COST;
  }
  if (op >= 0x45 && op <= 0xc4) return divides.has(op) ? DIVIDE_COST : 0;
  switch (op) {
    case 0x00: case 0x01: case 0x05: case 0x0b: case 0x0f: case 0x1a: case 0x1b: case 0xd1: return 0;
    case 0x02: case 0x03: case 0x04:
      skipBlockType(reader);
      return 0;
    case 0x0c: case 0x0d: case 0x20: case 0x21: case 0x22: case 0x23: case 0x24: case 0x25: case 0x26:
    case 0x3f: case 0x40: case 0x41: case 0x42: case 0xd0: case 0xd2:
      reader.skipNumber();
      return 0;
    case 0x0e:
      for (let left = reader.u32(); left >= 0; left--) reader.skipNumber();
      return LOAD_COST;
    case 0x10: case 0x12:
      reader.skipNumber();
      return CALL_COST;
    case 0x11: case 0x13:
      reader.skipNumber();
      reader.skipNumber();
      return 2 * CALL_COST;
    case 0x1c:
      for (let left = reader.u32(); left > 0; left--) reader.valueType();
      return 0;
    case 0x43: reader.at += 4; return 0;
    case 0x44: reader.at += 8; return 0;
  }
  throw new NotMetered(`instruction 0x${op.toString(16)}`);
}

/** Nothing, a type, or the index of a function's type. */
function skipBlockType(reader: Reader): void {
  const type = reader.bytes[reader.at]!;
  if (type === 0x63 || type === 0x64) throw new NotMetered(`type 0x${type.toString(16)}`);
  reader.skipNumber();
}

/** Alignment and offset. */
function skipPlace(reader: Reader): void {
  if ((reader.u32() & MEMORY_INDEX) !== 0) throw new NotMetered('a second memory');
  reader.skipNumber();
}

function skipBulk(sub: number, reader: Reader): number {
  if (sub > 11) throw new NotMetered(`instruction 0xfc ${sub}`);
  if (sub === 8 || sub === 9) reader.skipNumber();
  if (sub === 8 || sub === 11) reader.at++;
  if (sub === 10) reader.at += 2;
  return sub < 8 ? 0 : RUN_COST;
}

function skipVector(sub: number, reader: Reader): number {
  if (sub > 0x113) throw new NotMetered(`instruction 0xfd ${sub}`);
  if (sub === 12 || sub === 13) reader.at += 16;
  else if (sub <= 11 || sub === 92 || sub === 93) {
    skipPlace(reader);
    return LOAD_COST;
  } else if (sub >= 84 && sub <= 91) {
    skipPlace(reader);
    reader.at++;
    return LOAD_COST;
  } else if (sub >= 21 && sub <= 34) reader.at++;
  return VECTOR_COST;
}
