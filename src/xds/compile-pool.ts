// Decides where configuration is compiled: small inputs here and now, large ones by a thread of their own, so that main
// neither stalls nor keeps the heap that their trees need. The thread starts on demand and ends when it has been idle.
import { statSync } from 'node:fs';
import type { Piscina } from 'piscina';
import { limits } from '../core/limits.js';
import { giveBackMemory } from '../os/trim.js';
import { compileBootstrap } from './compile/bootstrap.js';
import type { BootstrapSources, CompiledBootstrap } from './compile/bootstrap.js';
import { compileResponse } from './compile/response.js';
import type { CompiledResponse, ResponseSource } from './compile/response.js';
import { unpackTexts } from './compile/packing.js';
import type { CompileTask, PackedResult } from './compile/worker.js';

const YOUNG_GENERATION_MIB = 192;   // most of what a compilation allocates is dead before this is full

const THREAD_ENDS_MS = 250;

/** Compiles bootstraps and responses. One per process. */
export class CompilePool {
  #pool: Promise<Piscina> | null = null;
  #collection: NodeJS.Timeout | null = null;

  async bootstrap(sources: BootstrapSources): Promise<CompiledBootstrap> {
    const bytes = (sources.configPath === null ? 0 : sizeOf(sources.configPath)) + (sources.configYaml?.length ?? 0);
    if (bytes <= limits.compileInlineBytesMax) return compileBootstrap(sources);
    return await this.#run({ task: 'bootstrap', sources }) as CompiledBootstrap;
  }

  async response(source: ResponseSource): Promise<CompiledResponse> {
    if (sizeOf(source.path) <= limits.compileInlineBytesMax) return compileResponse(source);
    return await this.#run({ task: 'response', source }) as CompiledResponse;
  }

  /** Ends the thread, if there is one. A later call starts another. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    await (await pool)?.destroy();
  }

  async #run(task: CompileTask): Promise<CompiledBootstrap | CompiledResponse> {
    this.#pool ??= this.#start();
    const { resultJson, texts } = await (await this.#pool).run(task) as PackedResult;
    const result = JSON.parse(resultJson) as CompiledBootstrap | CompiledResponse;
    if ('resources' in result) unpackTexts(result.resources, texts);
    this.#collectLater();
    return result;
  }

  /** What a large result left behind on main is given back once it has been applied. */
  #collectLater(): void {
    if (this.#collection !== null) clearTimeout(this.#collection);
    this.#collection = setTimeout(() => {
      this.#collection = null;
      giveBackMemory();
    }, limits.compilePoolIdleMs + THREAD_ENDS_MS);
    this.#collection.unref();
  }

  async #start(): Promise<Piscina> {
    const { Piscina } = await import('piscina');
    return new Piscina({
      filename: new URL('./compile/worker.js', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: limits.compilePoolIdleMs,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
