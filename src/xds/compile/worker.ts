// What a thread of the compile pool runs: files in, text and plain values out.
import { compileBootstrap } from './bootstrap.js';
import type { BootstrapSources, CompiledBootstrap } from './bootstrap.js';
import { packTexts } from './packing.js';
import type { PackedTexts } from './packing.js';
import { compileResponse } from './response.js';
import type { CompiledResponse, ResponseSource } from './response.js';

export type CompileTask =
  { task: 'bootstrap'; sources: BootstrapSources } | { task: 'response'; source: ResponseSource };
/** The result without its texts, as JSON: a short string crosses faster than ten thousand objects. */
export interface PackedResult { resultJson: string; texts: PackedTexts }

export default function run(request: CompileTask): PackedResult {
  const result: CompiledBootstrap | CompiledResponse =
    request.task === 'bootstrap' ? compileBootstrap(request.sources) : compileResponse(request.source);
  const texts = packTexts('resources' in result ? result.resources : []);
  return { resultJson: JSON.stringify(result), texts };
}
