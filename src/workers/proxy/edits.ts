// From a decoded head to the bytes that go out: fills the edit records and calls the encoders. A request that fits with
// its whole body goes into one small buffer, so that it costs one system call and can be repeated when that is safe.
import { Head, HeadFlag, Header, HeaderLine, Method, Mutation, MutationRecordBytes, RequestEdits,
  RequestEditsFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { BufferClass } from '../memory/buffers.js';
import { MUTATIONS_MAX } from '../engine.js';
import type { Engine } from '../engine.js';
import { WRITES_VIA } from '../routing/mutations.js';
import type { CompiledMutations } from '../routing/mutations.js';
import type { KeptText } from '../memory/kept-texts.js';
import type { ClusterChoice, RouteRuntime } from '../routing/route.js';
import { BODY_NONE, BODY_TUNNEL, Body, isOpenEnded } from './body.js';
import { formatInto } from './formatter.js';
import { addTimeouts, keepGrpcTimeout } from './grpc-timeout.js';
import { forwardedAddress } from './remote-address.js';
import { placeRequestId, sentHead } from './request-id.js';
import type { Stream } from './stream.js';

/** Everything constant that an edited head may gain: fixed names, request id, addresses, framing. */
export const FIXED_ADDED_BYTES = 512;
export const TOO_LONG = -2;
const IDEMPOTENT = (1 << Method.GET) | (1 << Method.HEAD) | (1 << Method.OPTIONS) | (1 << Method.TRACE)
  | (1 << Method.PUT) | (1 << Method.DELETE);

/**
 * Encodes the request into stream.headBuffer, with its body if all of it is here and short. Returns how far the input
 * was taken, -1 when no buffer is free, or TOO_LONG when a rewritten path or host is.
 */
export function encodeRequest(engine: Engine, stream: Stream, route: RouteRuntime, choice: ClusterChoice,
    bodyAt: number, end: number): number {
  const { i32, pool, codecs } = engine;
  const words = engine.requestRecord >> 2;
  const edits = engine.requestEdits >> 2;
  const hcm = stream.hcm!;
  let flags = (i32[edits + RequestEdits.flags] | route.editFlags) & ~requestFlagsOff(hcm.suppressEnvoyHeaders);
  const { rewrites } = route;
  const pathOnlyBytes = rewrites === null ? 0 : pathOnlyOf(engine);
  if (rewrites !== null && !rewrites.evaluate(engine, pathOf(engine), pathOnlyBytes)) return TOO_LONG;
  const host = rewrites !== null && rewrites.host.bytes > 0 ? rewrites.host : choice.hostRewrite;
  const named = host !== null || (route.autoHost && stream.cluster!.namesHosts);
  if (!named) flags &= ~RequestEditsFlag.appendHostXfh;
  if (isOpenEnded(stream.request.kind)) flags |= RequestEditsFlag.chunked;
  if (stream.isUpgrade && !stream.isConnect) flags |= RequestEditsFlag.upgrade;
  const cluster = stream.cluster!;
  flags |= cluster.traits.editFlags;
  if (stream.protocol !== null) flags |= RequestEditsFlag.asSpelled;
  if (named && !hcm.suppressEnvoyHeaders && !(host === choice.hostRewrite
    && choice.hostOfWeight)) flags |= RequestEditsFlag.originalHost;
  setSpan(engine, edits + RequestEdits.hostAt, host);
  const replaced = rewrites !== null && rewrites.path.bytes > 0;
  const prefix = replaced ? rewrites.path : route.prefixRewrite;
  i32[edits + RequestEdits.prefixBytes] = prefix === null ? 0 : prefix.bytes;
  if (prefix !== null) {
    i32[edits + RequestEdits.prefixAt] = prefix.at;
    i32[edits + RequestEdits.prefixCutBytes] = replaced ? pathOnlyBytes : route.json.matchedBytes;
    if (!hcm.suppressEnvoyHeaders) flags |= RequestEditsFlag.originalPath;
  }
  const added = hcm.suppressEnvoyHeaders ? null : route.added;
  setSpan(engine, edits + RequestEdits.addedAt, added);
  const retimed = (stream.internal || (route.grpcTimeouts !== null && stream.grpc)) && addTimeouts(engine, stream);
  const via = stream.rewrittenBuffer >= 0 ? null : hcm.via;             // a head that was rewritten has it already
  setSpan(engine, edits + RequestEdits.viaAt, via);
  i32[edits + RequestEdits.random] = engine.randomState;
  if ((flags & (RequestEditsFlag.appendXff | RequestEditsFlag.appendPort | RequestEditsFlag.externalAddress)) !== 0)
    setAddresses(engine, stream, edits);
  const mutations = choice.requestMutations;
  if (mutations !== null && mutations.needsRequestId && !mutations.replacesRequestId)
    flags = placeRequestId(engine, flags);
  i32[edits + RequestEdits.flags] = flags;
  const more = applyMutations(engine, stream, choice.requestMutations, engine.requestRecord,
    edits + RequestEdits.mutationsAt);
  if (mutations !== null && mutations.own.length > 0) settleOwn(engine, mutations, via !== null);
  // Each line may gain the space after its colon; an absolute target repeats the host.
  const most = i32[words + Head.bytes] + FIXED_ADDED_BYTES + i32[words + Head.headerCount] + i32[words + Head.hostBytes]
    + (host === null ? 0 : host.bytes + 2 * i32[words + Head.hostBytes])
    + (prefix === null ? 0 : prefix.bytes + i32[words + Head.pathBytes])
    + (added === null ? 0 : added.bytes) + (via === null ? 0 : via.bytes) + more;
  const inline = inlineBody(stream, end - bodyAt);
  const size = pool.classFor(most + inline);
  const out = size < 0 ? -1 : pool.acquire(size as BufferClass);
  if (out < 0) return -1;
  const start = pool.offsetOf(out);
  const after = codecs.h1EncodeRequest(engine.requestRecord, engine.requestEdits, start);
  if (retimed) keepGrpcTimeout(engine);
  stream.headBuffer = out;
  stream.headAt = start;
  stream.headBytes = stream.forwardedHeadBytes = after - start;
  const at = inline === 0 ? bodyAt : copyBody(engine, stream, bodyAt, end, after);
  if (stream.rewrittenBuffer >= 0) forgetRewritten(engine, stream);
  stream.replayable = stream.request.complete && !stream.collected && ((IDEMPOTENT >> stream.method) & 1) !== 0;
  return at;
}

/** Copies what is here of the body behind the head. Returns how far the input was taken. */
function copyBody(engine: Engine, stream: Stream, bodyAt: number, end: number, after: number): number {
  const taken = stream.request.copyInto(engine, bodyAt, end, after);
  // A chunked body that turns out bad is met again, and answered, by the relay.
  if (taken < 0) return bodyAt;
  stream.headBytes += stream.request.written;
  if (stream.countsMessages) stream.messages!.requestBytes(bodyAt, taken);
  return taken;
}

function setSpan({ i32 }: Engine, word: number, text: KeptText | null): void {
  i32[word] = text === null ? 0 : text.at;
  i32[word + 1] = text === null ? 0 : text.bytes;
}

/** The head that filters left has been encoded for the upstream. */
function forgetRewritten(engine: Engine, stream: Stream): void {
  engine.pool.release(stream.rewrittenBuffer);
  stream.rewrittenBuffer = -1;
}

/** Path and query of the decoded request, normalised if it had to be. */
function pathOf(engine: Engine): number {
  const edits = engine.requestEdits >> 2;
  return engine.i32[edits + RequestEdits.pathBytes] > 0 ? engine.i32[edits + RequestEdits.pathAt]
    : engine.i32[(engine.requestRecord >> 2) + Head.pathAt];
}
function pathOnlyOf(engine: Engine): number {
  const edits = engine.requestEdits >> 2;
  return engine.i32[edits + RequestEdits.pathBytes] > 0 ? engine.i32[edits + RequestEdits.spare]
    : engine.i32[(engine.requestRecord >> 2) + Head.pathOnlyBytes];
}

/** Which of its own headers the encoder still writes after a route's mutations. */
function settleOwn(engine: Engine, mutations: CompiledMutations, via: boolean): void {
  const { i32 } = engine;
  const edits = engine.requestEdits >> 2;
  const flags = i32[edits + RequestEdits.flags];
  const kept = mutations.settleOwn(via ? flags | WRITES_VIA : flags);
  if ((kept & WRITES_VIA) === 0) setSpan(engine, edits + RequestEdits.viaAt, null);
  i32[edits + RequestEdits.flags] = kept & ~WRITES_VIA;
}

/** Bytes of room for a body that is copied behind the head: only when all of it (by its length) is here and short. */
function inlineBody(stream: Stream, available: number): number {
  const { request } = stream;
  if (request.kind === BODY_NONE || request.kind === BODY_TUNNEL || available === 0 || available >
    limits.bodyCopyBytesMax)
    return 0;
  if (isOpenEnded(request.kind)) return 0;
  return request.remaining <= available ? Body.roomFor(request.remaining) : 0;
}

const requestFlagsOff = (suppress: boolean): number => (suppress ? RequestEditsFlag.originalPath : 0);

export function setAddresses(engine: Engine, stream: Stream, edits: number): void {
  const { addresses } = stream.downstream!;
  const { i32 } = engine;
  const bytes = addresses.clientIpBytes();
  const forwarded = forwardedAddress(engine, stream, engine.requestRecord);
  i32[edits + RequestEdits.clientBytes] = i32[edits + RequestEdits.externalBytes] = bytes;
  i32[edits + RequestEdits.portBytes] = addresses.localPortBytes();
  i32[edits + RequestEdits.clientAt] = i32[edits + RequestEdits.externalAt] = addresses.clientIpAt;
  i32[edits + RequestEdits.portAt] = addresses.localPortAt;
  if (forwarded === '') return;                  // else some hop before this one is believed
  i32[edits + RequestEdits.externalAt] = engine.addressScratch;
  i32[edits + RequestEdits.externalBytes] = engine.writeText(engine.addressScratch, forwarded);
}

/**
 * Evaluates, applies and binds mutations to an edit record's (mutationsAt, mutationCount). Returns the most bytes
 * they add.
 */
export function applyMutations(engine: Engine, stream: Stream, mutations: CompiledMutations | null, record: number,
    word: number): number {
  const { i32 } = engine;
  if (mutations === null) { i32[word + 1] = 0; return 0; }
  const more = evaluate(engine, stream, mutations, record, 0);
  engine.codecs.h1ApplyMutations(record, mutations.at, mutations.count);
  i32[word] = mutations.at;
  i32[word + 1] = mutations.count;
  return more;
}

/** Evaluates values behind the first `used` bytes of the scratch text. Returns the most bytes that the list adds. */
function evaluate(engine: Engine, stream: Stream, mutations: CompiledMutations, record: number, used: number): number {
  let more = mutations.bytes;
  if (mutations.dynamic === null) return more;
  const { i32 } = engine;
  const isResponse = record === engine.responseRecord;
  const request = !isResponse ? record : mutations.needsRequestHead ? sentHead(engine, stream) : 0;
  let text = engine.text + used;
  for (const value of mutations.dynamic) {
    const after = formatInto(engine, stream, value.operators, request, isResponse ? record : 0, text,
      engine.text + engine.textBytes - limits.logLineBytesMax, false);
    const entry = (mutations.at + value.index * MutationRecordBytes) >> 2;
    i32[entry + Mutation.valueAt] = text;
    i32[entry + Mutation.valueBytes] = after - text;
    more += after - text;
    text = after;
  }
  return more;
}

/** As applyMutations, of several lists one after the other: what filters change, behind what the route changes. */
export function applyLists(engine: Engine, stream: Stream, lists: readonly CompiledMutations[],
    record: number, word: number): number {
  if (lists.length <= 1) return applyMutations(engine, stream, lists[0] ?? null, record, word);
  const { i32 } = engine;
  let more = 0, total = 0;
  for (let i = 0; i < lists.length; i++) {
    const { at, count: records } = lists[i]!;
    if (total + records > MUTATIONS_MAX) break;
    more += evaluate(engine, stream, lists[i]!, record, more);
    i32.copyWithin((engine.mutations + total * MutationRecordBytes) >> 2, at >> 2,
      (at + records * MutationRecordBytes) >> 2);
    total += records;
  }
  engine.codecs.h1ApplyMutations(record, engine.mutations, total);
  i32[word] = engine.mutations;
  i32[word + 1] = total;
  return more;
}

/** Does the decoded request ask for this upgrade? The type in lower case, or '' when it asks for none. */
export function upgradeType(engine: Engine): string {
  const words = engine.requestRecord >> 2;
  if ((engine.i32[words + Head.flags] & HeadFlag.upgrade) === 0) return '';
  for (let i = 0; i < engine.i32[words + Head.headerCount]; i++) {
    const line = words + Head.headers + i * 4;
    if (((engine.i32[line + HeaderLine.nameBytes_meta] >> 16) & 255) === Header.upgrade) {
      return engine.readText(engine.i32[line + HeaderLine.valueAt],
        engine.i32[line + HeaderLine.valueBytes]).toLowerCase();
    }
  }
  return '';
}
