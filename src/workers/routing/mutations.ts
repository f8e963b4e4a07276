// Header mutations of a route, compiled: records (layout Mutation) and texts in the arena, ready for the encoder.
// Values that hold commands are evaluated per request into scratch text (proxy/edits.ts); all others are written once,
// here.
import { Header, Mutation, MutationRecordBytes, RequestEditsFlag } from '../../core/generated/layouts.js';
import type { HeaderMutations } from '../../config/types.js';
import { needsRequestHead, parseFormat } from '../../telemetry/format.js';
import type { Engine } from '../engine.js';
import { MUTATIONS_MAX } from '../engine.js';
import { compileOperators, releaseOperators } from './compiled-format.js';
import type { CompiledOperator } from './compiled-format.js';

const ACTIONS = { append: 0, addIfAbsent: 1, overwrite: 2, overwriteIfExists: 3 } as const;
export const REMOVE = 4;
/** Beside the flags of the edits: the head gets a via. */
export const WRITES_VIA = 1 << 30;
/** What the encoder writes by itself, unless a route replaces or removes it. */
const OWN: Readonly<Record<string, number>> = {
  'x-forwarded-proto': RequestEditsFlag.setProto | RequestEditsFlag.protoIfAbsent,
  'x-request-id': RequestEditsFlag.generateRequestId | RequestEditsFlag.overwriteRequestId,
  'x-forwarded-for': RequestEditsFlag.appendXff, 'x-forwarded-port': RequestEditsFlag.appendPort,
  'x-envoy-external-address': RequestEditsFlag.externalAddress, via: WRITES_VIA,
};

export interface DynamicValue { index: number; operators: CompiledOperator[] }

export class CompiledMutations {
  at = 0;
  count = 0;
  /** Most bytes that static values add; dynamic ones are bounded by the text scratch. */
  bytes = 0;
  /** Values that have to be evaluated, or null. */
  dynamic: DynamicValue[] | null = null;
  /** A value is taken from the request's head. */
  needsRequestHead = false;
  /** A value is taken from the request id. */
  needsRequestId = false;
  /** Records of headers that the encoder writes by itself. */
  readonly own: { index: number; flag: number; action: number }[] = [];
  get replacesRequestId(): boolean {
    return this.own.some(({ flag, action }) => (flag & RequestEditsFlag.generateRequestId) !== 0
      && action >= ACTIONS.overwrite);
  }
  /** Records that name the server header. */
  readonly servers: number[] = [];
  private readonly kept: { at: number; bytes: number }[] = [];

  private constructor(private readonly engine: Engine) {}

  /**
   * Compiles levels in the order in which they apply. Null when there is nothing to do; 'full' when the arena has no
   * room.
   */
  static compile(engine: Engine, levels: readonly HeaderMutations[]): CompiledMutations | null | 'full' {
    const count = levels.reduce((sum, level) => sum + level.add.length + level.remove.length, 0);
    if (count === 0) return null;
    if (count > MUTATIONS_MAX) return 'full';
    const compiled = new CompiledMutations(engine);
    if (compiled.fill(levels, count)) return compiled;
    compiled.release();
    return 'full';
  }

  release(): void {
    for (const { at, bytes } of this.kept) this.engine.heap.release(at, bytes);
    if (this.dynamic !== null) for (const { operators } of this.dynamic) releaseOperators(this.engine, operators);
  }

  private fill(levels: readonly HeaderMutations[], count: number): boolean {
    const size = count * MutationRecordBytes;
    this.at = this.engine.heap.allocate(size);
    if (this.at < 0) return false;
    this.kept.push({ at: this.at, bytes: size });
    for (const level of levels) {
      for (const name of level.remove) if (!this.record(REMOVE, name, name, '', false)) return false;
      // As Envoy: what is replaced is replaced first, then the rest is added.
      const replaced = level.add.filter(({ action }) => action.startsWith('overwrite'));
      for (const { action, name, spelling, value, keepEmptyValue } of [...replaced,
        ...level.add.filter((one) => !replaced.includes(one))]) {
        if (!this.record(ACTIONS[action], name, spelling, value, keepEmptyValue)) return false;
      }
    }
    return true;
  }

  /**
   * After the list was applied to a decoded request: what the encoder would write stands there already, as Envoy has
   * it. Returns the flags without those of headers that are replaced or removed.
   */
  settleOwn(flags: number): number {
    const { i32 } = this.engine;
    for (const { index, flag, action } of this.own) {
      const at = (this.at + index * MutationRecordBytes) >> 2;
      if ((flags & flag) === 0 || action === ACTIONS.append) continue;
      if (action === ACTIONS.addIfAbsent) i32[at + Mutation.state] = 0;
      else if (action === REMOVE) flags &= ~flag;
      else if (i32[at + Mutation.valueBytes] > 0 || i32[at + Mutation.keepEmpty] === 1) {
        i32[at + Mutation.state] = 1;
        flags &= ~flag;
      }
    }
    return flags;
  }

  private record(action: number, name: string, spelling: string, value: string, keepEmpty: boolean): boolean {
    const parsed = parseFormat(value);
    const operators = parsed.ok ? parsed.operators : [];
    const isStatic = operators.every((operator) => operator.op === 'text');
    const text = isStatic ? operators.map((operator) => (operator.op === 'text' ? operator.text : '')).join('') : '';
    const nameText = this.keep(name), valueText = this.keep(text);
    const spelled = spelling === name ? nameText : this.keep(spelling);
    if (nameText === null || valueText === null || spelled === null) return false;
    if (Object.hasOwn(OWN, name)) this.own.push({ index: this.count, flag: OWN[name]!, action });
    if (name === 'server') this.servers.push(this.count);
    const words = (this.at + this.count * MutationRecordBytes) >> 2;
    const { i32 } = this.engine;
    i32[words + Mutation.action] = action;
    i32[words + Mutation.known] = (Header as Readonly<Record<string, number>>)[name] ?? 0;
    i32[words + Mutation.nameAt] = nameText.at;
    i32[words + Mutation.nameBytes] = nameText.bytes;
    i32[words + Mutation.spellingAt] = spelled.at;
    i32[words + Mutation.valueAt] = valueText.at;
    i32[words + Mutation.valueBytes] = valueText.bytes;
    i32[words + Mutation.state] = 0;
    i32[words + Mutation.keepEmpty] = keepEmpty ? 1 : 0;
    this.bytes += nameText.bytes + valueText.bytes + 4;
    if (!isStatic) {
      const compiled = compileOperators(this.engine, operators);
      this.needsRequestHead ||= needsRequestHead(operators);
      this.needsRequestId ||= /x-request-id/i.test(value);
      if (compiled === null) return false;
      (this.dynamic ??= []).push({ index: this.count, operators: compiled });
    }
    this.count++;
    return true;
  }

  private keep(text: string): { at: number; bytes: number } | null {
    const kept = this.engine.keepText(text);
    if (kept !== null) this.kept.push({ at: kept.at, bytes: kept.bytes + 16 });
    return kept;
  }
}
