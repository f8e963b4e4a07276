// Codecs of further RPC protocols: the extension of the bootstrap that names their WebAssembly files, and whether what
// names a codec finds it there.
import { rpcProtocols } from '../../config/rpc.js';
import type { RpcCodec } from '../../config/rpc.js';
import { limits } from '../../core/limits.js';
import { prepareCodec } from '../rpc-codec/prepare.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { RpcCodec as RpcCodecMessage, RpcCodecs, TypedExtensionConfig } from '../wire/generated/messages.js';
import { millisecondsOf, numberOf } from './fields.js';
import type { CodecReference } from './rpc.js';

const codecsType = 'weft.extensions.bootstrap.rpc_codecs.v1.RpcCodecs';
const PAGE_BYTES = 65536;
const CALL_MS = 10, CALL_MS_MAX = 1000;
const taken: ReadonlySet<string> = new Set(['auto', 'downstream', ...rpcProtocols]);

/** bootstrap_extensions: RpcCodecs is the only one there is, and stands there once. */
export function readBootstrapExtensions(extensions: readonly TypedExtensionConfig[], path: string,
  report: Report): RpcCodec[] {
  let found: RpcCodec[] | null = null;
  extensions.forEach(({ typedConfig: any }, index) => {
    const at = `${path}[${index}].typed_config`;
    if (any === undefined) return;                        // the check has said that it is required
    if (any.type !== codecsType || any.value === undefined) report.fail(at, `not implemented: ${any.type}`);
    else if (found !== null) report.fail(at, `a second ${codecsType}`);
    else {
      const where = any.typedStruct === undefined ? at : fieldPath(at, 'value');
      found = readCodecs(any.value as RpcCodecs, where, report);
    }
  });
  return found ?? [];
}

function readCodecs({ codecs = [] }: RpcCodecs, path: string, report: Report): RpcCodec[] {
  const at = fieldPath(path, 'codecs');
  if (codecs.length > limits.rpcCodecsMax) report.fail(at, `more than ${limits.rpcCodecsMax}`);
  const names = new Set<string>();
  return codecs.map((codec, index) => {
    const { name = '' } = codec;
    const where = `${at}[${index}]`;
    if (taken.has(name)) report.fail(`${where}.name`, `'${name}' is a name of Weft's own`);
    else if (names.has(name)) report.fail(`${where}.name`, `duplicate codec '${name}'`);
    names.add(name);
    return readCodec(name, codec, where, report);
  });
}

function readCodec(name: string, codec: RpcCodecMessage, path: string, report: Report): RpcCodec {
  const { filename: file = '' } = codec;
  const memoryBytes = numberOf(codec.maxMemoryBytes, limits.rpcCodecMemoryBytesDefault);
  const callMs = millisecondsOf(codec.maxCallTime, CALL_MS, fieldPath(path, 'max_call_time'), report);
  const at = fieldPath(path, 'max_memory_bytes');
  const isTooLarge = memoryBytes > limits.rpcCodecMemoryBytesMax, isUneven = memoryBytes % PAGE_BYTES !== 0;
  if (isTooLarge)
    report.fail(at, `${memoryBytes} is beyond this build's limit of ${limits.rpcCodecMemoryBytesMax}`);
  if (isUneven) report.fail(at, `must be a multiple of ${PAGE_BYTES}`);
  if (file === '' || isTooLarge || isUneven) return { name, module: '' };
  const prepared = prepareCodec(file, memoryBytes, Math.max(1, Math.min(callMs, CALL_MS_MAX)));
  if ('bytes' in prepared) return { name, module: Buffer.from(prepared.bytes).toString('base64') };
  report.fail(fieldPath(path, 'filename'), prepared.reason);
  return { name, module: '' };
}

/** The first codec that is named and not there, or null. */
export const missingCodec = (references: readonly CodecReference[], codecs: readonly RpcCodec[]):
  CodecReference | null => references.find(({ codec }) => !codecs.some(({ name }) => name === codec)) ?? null;

/** What is said of it. */
export const unknownCodec = ({ codec }: CodecReference): string => taken.has(codec)
  ? `'${codec}' is a name of Weft's own: set protocol` : `unknown codec '${codec}'`;
