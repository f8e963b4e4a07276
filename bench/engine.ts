// What a bench of worker parts needs: an engine over real shared memory with the release codecs, and bytes to work on.
// One worker, no sockets, no threads.
import { readFileSync } from 'node:fs';
import { memoryMap } from '../src/core/memory-map.js';
import { instantiateCodecs } from '../src/workers/codecs.js';
import { Engine } from '../src/workers/engine.js';

const MEMORY_MIB = 512;
const CODECS = new URL('../wasm/codecs.wasm', import.meta.url);

/** An engine of worker 0. Everything it touches is its own. */
export function benchEngine(): Engine {
  const pages = MEMORY_MIB * 16;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const engine = new Engine(memory, memoryMap(MEMORY_MIB, 1), 0,
    instantiateCodecs(new WebAssembly.Module(readFileSync(CODECS)), memory));
  engine.i32.set([1, 2, 3, 4], engine.randomState >> 2);
  return engine;
}

/** Room for inputs and outputs of benches: the snapshot heap, which no bench that calls this uses otherwise. */
export const scratchOf = (engine: Engine): number => engine.map.snapshot;

/** Writes text at `at`; returns the position after it. */
export function putText(engine: Engine, at: number, text: string): number {
  engine.u8.set(Buffer.from(text, 'latin1'), at);
  return at + text.length;
}

/** A GET as a service calls another: eight headers. */
export const smallRequest = (host: string, path = '/orders/42?page=3'): string => [
  `GET ${path} HTTP/1.1`, `host: ${host}`, 'user-agent: orders/2.14 (linux)', 'accept: application/json',
  'accept-encoding: gzip', 'x-request-id: 7d1f6a52-0c3c-4d0b-9d2a-3f8a54c0c8f1', 'x-forwarded-proto: http',
  'x-b3-sampled: 1', 'connection: keep-alive', '', ''].join('\r\n');

export const smallResponse = [
  'HTTP/1.1 200 OK', 'server: backend', 'date: Mon, 23 Nov 2026 11:00:00 GMT', 'content-type: application/json',
  'content-length: 128', 'connection: keep-alive', '', ''].join('\r\n');
