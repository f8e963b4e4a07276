// The texts of compiled resources on their way between threads: one buffer in shared memory, not thousands of strings
// that are copied, because the copies would stay in main's heap as garbage and its memory would not come back.
import type { CompiledResource, CompiledText } from './resource.js';

export interface PackedTexts {
  shared: SharedArrayBuffer;
  /** Byte lengths, two for each text in order: configJson, wireJson. */
  lengths: Uint32Array;
}

function* textsOf(resources: CompiledResource[]): Iterable<CompiledText> {
  for (const resource of resources) {
    yield resource;
    yield* resource.inlineRoutes;
  }
}

/** Moves the texts out of the resources. */
export function packTexts(resources: CompiledResource[]): PackedTexts {
  const texts = [...textsOf(resources)];
  const lengths = new Uint32Array(texts.length * 2);
  texts.forEach((text, index) => {
    lengths[index * 2] = Buffer.byteLength(text.configJson);
    lengths[index * 2 + 1] = Buffer.byteLength(text.wireJson);
  });
  const shared = new SharedArrayBuffer(lengths.reduce((sum, length) => sum + length, 0));
  const bytes = Buffer.from(shared);
  let at = 0;
  for (const text of texts) {
    at += bytes.write(text.configJson, at);
    at += bytes.write(text.wireJson, at);
    text.configJson = text.wireJson = '';
  }
  return { shared, lengths };
}

/** Puts the texts back. */
export function unpackTexts(resources: CompiledResource[], packed: PackedTexts): void {
  const bytes = Buffer.from(packed.shared);
  let at = 0;
  let index = 0;
  const next = (): string => bytes.toString('utf8', at, at += packed.lengths[index++]);
  for (const text of textsOf(resources)) {
    text.configJson = next();
    text.wireJson = next();
  }
}
