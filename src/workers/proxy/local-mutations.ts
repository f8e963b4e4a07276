// Response header mutations for answers that Weft makes itself, as header text: the same levels that an upstream's
// response would get.
import { Mutation, MutationRecordBytes } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';
import type { CompiledMutations } from '../routing/mutations.js';
import { formatInto } from './formatter.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

const REMOVE = 4;

/** Header lines, or ''. Only additions matter: there is nothing of ours that a route may remove. */
export function localMutations(engine: Engine, stream: Stream): string {
  const { route } = stream;
  const mutations = route === null ? null : route.forward === null ? route.localResponse
    : stream.choice?.responseMutations ?? null;
  return mutations === null ? '' : mutationLines(engine, stream, mutations);
}

/** The lines that mutations add. */
export function mutationLines(engine: Engine, stream: Stream, mutations: CompiledMutations): string {
  let lines = '';
  for (let i = 0; i < mutations.count; i++) {
    const entry = (mutations.at + i * MutationRecordBytes) >> 2;
    const { i32 } = engine;
    if (i32[entry + Mutation.action] === REMOVE) continue;
    const name = engine.readText(i32[entry + Mutation.nameAt], i32[entry + Mutation.nameBytes]);
    const dynamic = mutations.dynamic?.find((value) => value.index === i);
    let value = engine.readText(i32[entry + Mutation.valueAt], i32[entry + Mutation.valueBytes]);
    if (dynamic !== undefined) {
      const end = formatInto(engine, stream, dynamic.operators, sentHead(engine, stream), 0, engine.text,
        engine.text + engine.textBytes, false);
      value = engine.readText(engine.text, end - engine.text);
    }
    if (value !== '' || i32[entry + Mutation.keepEmpty] === 1) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
