// Response header mutations for answers that Weft makes itself, as header text: the same levels that an upstream's
// response would get.
import { Mutation, MutationRecordBytes } from '../../core/generated/layouts.js';
import { detail } from '../../core/response-flags.js';
import type { Engine } from '../engine.js';
import { REMOVE } from '../routing/mutations.js';
import type { CompiledMutations } from '../routing/mutations.js';
import { formatInto } from './formatter.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

const DIRECT_RESPONSE = detail('direct_response');
const ADD_IF_ABSENT = 1, OVERWRITE = 2, OVERWRITE_IF_EXISTS = 3;

/** `headers`, lines of the answer, as mutations leave them. */
export function localMutations(engine: Engine, stream: Stream, headers: string): string {
  const { route } = stream;
  const mutations = route === null ? null : route.forward !== null ? stream.choice?.responseMutations ?? null
    : stream.details === DIRECT_RESPONSE ? route.localResponse : null;   // a filter's answer is none of the route's
  return mutations === null ? headers : mutationLines(engine, stream, mutations, headers);
}

/** Lines after mutations, each by its action; the server's name is the connection manager's. */
export function mutationLines(engine: Engine, stream: Stream, mutations: CompiledMutations, headers = ''): string {
  const overwritesServer = stream.hcm!.config.serverHeaderTransformation === 'overwrite';
  let lines = headers.split('\r\n').filter((line) => line !== '').map((line) => {
    const colon = line.indexOf(': ');
    return { name: line.slice(0, colon), value: line.slice(colon + 2) };
  });
  for (let i = 0; i < mutations.count; i++) {
    const entry = (mutations.at + i * MutationRecordBytes) >> 2;
    const { i32 } = engine;
    const action = i32[entry + Mutation.action];
    const name = engine.readText(i32[entry + Mutation.nameAt], i32[entry + Mutation.nameBytes]);
    const value = valueOf(engine, stream, mutations, i, entry);
    // Answers before the first attempt tell no number of attempts.
    if (name === 'x-envoy-attempt-count' && value === '0') continue;
    if (action !== REMOVE && value === '' && i32[entry + Mutation.keepEmpty] === 0) continue;
    const present = lines.some((line) => line.name === name);
    if (action >= OVERWRITE) lines = lines.filter((line) => line.name !== name);
    if (action === REMOVE || (action === ADD_IF_ABSENT && present) || (action === OVERWRITE_IF_EXISTS && !present))
      continue;
    if (name !== 'server' || !overwritesServer) lines.push({ name, value });
  }
  return lines.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
}

function valueOf(engine: Engine, stream: Stream, mutations: CompiledMutations, index: number, entry: number): string {
  const dynamic = mutations.dynamic?.find((value) => value.index === index);
  if (dynamic === undefined)
    return engine.readText(engine.i32[entry + Mutation.valueAt], engine.i32[entry + Mutation.valueBytes]);
  const end = formatInto(engine, stream, dynamic.operators, sentHead(engine, stream), 0, engine.text,
    engine.text + engine.textBytes, false);
  return engine.readText(engine.text, end - engine.text);
}
