// Bounds what a module may use. A call of WebAssembly cannot be interrupted, so the module itself counts what it does
// and stops: each call of an exported function begins with an amount of work, and every function and every loop takes
// its cost off it, at its beginning.
//
//   function, once:    the cost of its instructions outside of loops, each of which runs at most once
//   loop, each turn:   the cost of its instructions outside of loops inside it
//   fill, copy:        a share of the bytes
//
// So no work is done that was not paid for. Memory is as large as it may ever be from the beginning, so that views of
// it stay good; memory.size and memory.grow work on a number of pages that the module keeps.
import { OP, isByteRun, skipInstruction } from './instructions.js';
import { Reader, Writer } from './binary.js';
import { FUNCTION, GLOBAL, MEMORY, SECTION, count, sectionOrder } from './sections.js';
import type { Module } from './sections.js';

const I32 = 0x7f, MUTABLE = 1, EMPTY_BLOCK = 0x40;
const RETURNS = 0x0f, UNREACHABLE = 0x00, ELSE = 0x05;
const I32_LT_S = 0x48, I32_GT_U = 0x4b, I32_ADD = 0x6a, I32_SUB = 0x6b, I32_SHR_U = 0x76;
const PREAMBLE: readonly number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** Bytes that are filled or copied for one unit of work: 2 to this power. */
const RUN_SHIFT = 2;

export interface Meter {
  /** Units of work that a call may do. */
  work: number;
  /** Pages of memory. */
  pages: number;
  /** Names of exported functions that stay: each is a call. */
  calls: readonly string[];
  /** The export that says how much work is left; below 0: there was too little. */
  workName: string;
}

/** The module, bounded. Throws NotMetered. */
export function metered(module: Module, meter: Meter): Uint8Array {
  const sections = new Map(module.sections);
  const names = new Numbers(module);
  const calls = module.exports.filter(({ name, kind }) => kind === FUNCTION && meter.calls.includes(name));
  const firstCall = module.functions.length;
  sections.set(SECTION.type, appended(sections.get(SECTION.type), 1, [0x60, 1, I32, 1, I32]));
  sections.set(SECTION.function, appended(sections.get(SECTION.function), calls.length + 2, new Writer()
    .raw(calls.flatMap(({ index }) => [...new Writer().u32(module.functions[index]!).bytes]))
    .u32(names.type).u32(names.type).bytes));
  names.grow = firstCall + calls.length;
  names.run = names.grow + 1;
  sections.set(SECTION.memory, new Writer().u32(1).byte(1).u32(meter.pages).u32(meter.pages).bytes);
  sections.set(SECTION.global, appended(sections.get(SECTION.global), 2, new Writer()
    .byte(I32, MUTABLE, OP.i32Const).i32(meter.work).byte(OP.end)
    .byte(I32, MUTABLE, OP.i32Const).i32(module.memories[0]!.minimum).byte(OP.end).bytes));
  const exported = new Writer().u32(calls.length + 2);
  calls.forEach(({ name }, index) => exported.text(name).byte(FUNCTION).u32(firstCall + index));
  exported.text('memory').byte(MEMORY).u32(0).text(meter.workName).byte(GLOBAL).u32(names.work);
  sections.set(SECTION.export, exported.bytes);
  sections.set(SECTION.code, meteredCode(module, names, meter, calls));
  const out = new Writer().raw(PREAMBLE);
  for (const id of sectionOrder) {
    const body = sections.get(id);
    if (body !== undefined) out.byte(id).u32(body.length).raw(body);
  }
  return out.bytes;
}

/** Indexes of what is added. */
class Numbers {
  readonly type: number;
  readonly work: number;
  readonly pages: number;
  grow = 0;
  run = 0;

  constructor({ types, globals }: Module) {
    this.type = types.length;
    this.work = globals;
    this.pages = globals + 1;
  }
}

/** A section with more entries. */
function appended(section: Uint8Array | undefined, more: number, bytes: ArrayLike<number>): Uint8Array {
  const reader = new Reader(section ?? new Uint8Array([0]));
  return new Writer().u32(reader.u32() + more).raw(reader.take(reader.bytes.length)).raw(bytes).bytes;
}

function meteredCode(module: Module, names: Numbers, meter: Meter, calls: Module['exports']): Uint8Array {
  const section = module.sections.get(SECTION.code);
  const out = new Writer().u32(count(section) + calls.length + 2);
  const body = (code: Writer): void => { out.u32(code.length).raw(code.bytes); };
  const reader = new Reader(section ?? new Uint8Array([0]));
  for (let left = reader.u32(); left > 0; left--) body(meteredBody(reader.take(reader.u32()), names));
  for (const { index } of calls) body(callBody(index, module.types[module.functions[index]!]!.parameters.length));
  body(growBody());
  body(runBody());
  return out.bytes;

  /** Begins with all the work there is. */
  function callBody(index: number, parameters: number): Writer {
    const code = new Writer().byte(0, OP.i32Const).i32(meter.work).byte(OP.globalSet).u32(names.work);
    for (let i = 0; i < parameters; i++) code.byte(OP.localGet).u32(i);
    return code.byte(OP.call).u32(index).byte(OP.end);
  }

  /** memory.grow on the number of pages. */
  function growBody(): Writer {
    return new Writer().byte(0, OP.localGet, 0, OP.i32Const).i32(meter.pages).byte(OP.globalGet).u32(names.pages)
      .byte(I32_SUB, I32_GT_U, OP.if, I32, OP.i32Const, 0x7f, ELSE, OP.globalGet).u32(names.pages)
      .byte(OP.globalGet).u32(names.pages).byte(OP.localGet, 0, I32_ADD, OP.globalSet).u32(names.pages)
      .byte(OP.end, OP.end);
  }

  /** Pays for a number of bytes, and gives the number back. */
  function runBody(): Writer {
    const code = new Writer().byte(0, OP.globalGet).u32(names.work)
      .byte(OP.localGet, 0, OP.i32Const, RUN_SHIFT, I32_SHR_U, I32_SUB, OP.globalSet).u32(names.work);
    return stopWhenSpent(code, names).byte(OP.localGet, 0, RETURNS, OP.end);
  }
}

const stopWhenSpent = (code: Writer, { work }: Numbers): Writer => code.byte(OP.globalGet).u32(work)
  .byte(OP.i32Const, 0, I32_LT_S, OP.if, EMPTY_BLOCK, UNREACHABLE, OP.end);

function meteredBody(body: Uint8Array, names: Numbers): Writer {
  const reader = new Reader(body), code = new Writer();
  let locals = 0;
  for (let left = reader.u32(); left > 0; left--) {
    locals += reader.u32();
    reader.skipNumber();
  }
  code.raw(body.subarray(0, reader.at));
  // What is open: a function or a loop, with the place of its cost, or another block (-1).
  const open: number[] = [], costs: number[] = [];
  const begin = (cost: number): void => {
    code.byte(OP.globalGet).u32(names.work).byte(OP.i32Const);
    open.push(code.later());
    costs.push(cost);
    code.byte(I32_SUB, OP.globalSet).u32(names.work);
    stopWhenSpent(code, names);
  };
  begin(locals);
  while (open.length > 0) {
    const start = reader.at;
    const op = reader.byte();
    const extra = skipInstruction(op, reader);
    costs[costs.length - 1]! += reader.at - start + extra;
    if (op === OP.memorySize) code.byte(OP.globalGet).u32(names.pages);
    else if (op === OP.memoryGrow) code.byte(OP.call).u32(names.grow);
    else {
      if (op === OP.bulk && isByteRun(body[start + 1]!)) code.byte(OP.call).u32(names.run);
      code.raw(body.subarray(start, reader.at));
    }
    if (op === OP.loop) begin(0);
    else if (op === OP.block || op === OP.if) open.push(-1);
    else if (op === OP.end) {
      const place = open.pop()!;
      if (place >= 0) code.fill(place, costs.pop()!);
    }
  }
  return code;
}
