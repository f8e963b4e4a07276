// Header lines of an answer that Weft makes itself, changed by mutations as an upstream's response would be. Rare by
// nature, so plain strings are used.
import { Mutation, MutationRecordBytes } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';
import type { CompiledMutations } from '../routing/mutations.js';
import { formatInto } from './formatter.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

const APPEND = 0;
const ADD_IF_ABSENT = 1;
const OVERWRITE = 2;
const REMOVE = 4;

/** The lines, with these mutations applied. */
export function mutatedLines(engine: Engine, stream: Stream, mutations: CompiledMutations, lines: string): string {
  const { i32 } = engine;
  let result = lines;
  for (let i = 0; i < mutations.count; i++) {
    const entry = (mutations.at + i * MutationRecordBytes) >> 2;
    const action = i32[entry + Mutation.action];
    const name = engine.readText(i32[entry + Mutation.nameAt], i32[entry + Mutation.nameBytes]);
    const named = new RegExp(`^${name.replace(/[^A-Za-z0-9-]/g, '\\$&')}:[^\\n]*\\n`, 'gim');
    const found = named.test(result);
    if (action === REMOVE) { result = result.replace(named, ''); continue; }
    if (action !== APPEND && (action === ADD_IF_ABSENT ? found : action !== OVERWRITE && !found)) continue;
    if (action !== APPEND && action !== ADD_IF_ABSENT) result = result.replace(named, '');
    const dynamic = mutations.dynamic?.find((value) => value.index === i);
    let value = engine.readText(i32[entry + Mutation.valueAt], i32[entry + Mutation.valueBytes]);
    if (dynamic !== undefined) {
      const end = formatInto(engine, stream, dynamic.operators, sentHead(engine, stream), 0, engine.text,
        engine.text + engine.textBytes, false);
      value = engine.readText(engine.text, end - engine.text);
    }
    if (value !== '' || i32[entry + Mutation.keepEmpty] === 1) result += `${name}: ${value}\r\n`;
  }
  return result;
}
