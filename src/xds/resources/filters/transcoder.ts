// envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder. The descriptor set is read and linked now,
// so that a service, a type or a path template that is not there is refused with the configuration.
import { readFileSync, statSync } from 'node:fs';
import type { GrpcJsonTranscoderFilter } from '../../../config/http-filters.js';
import { limits } from '../../../core/limits.js';
import { DescriptorError } from '../../../transcode/descriptors.js';
import { Transcoder } from '../../../transcode/transcoder.js';
import type { GrpcJsonTranscoder } from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Report } from '../../wire/message.js';

const specs = ['exceptReserved', 'exceptSlash', 'all'] as const;

export function readTranscoder(message: GrpcJsonTranscoder, path: string, report: Report): GrpcJsonTranscoderFilter {
  const print = message.printOptions ?? {}, validation = message.requestValidationOptions ?? {};
  const services = message.services ?? [];
  const descriptor = services.length === 0 ? Buffer.alloc(0) : readDescriptor(message, path, report);
  const filter: GrpcJsonTranscoderFilter = {
    kind: 'grpcJsonTranscoder', descriptor: descriptor?.toString('base64') ?? '', services,
    print: { addWhitespace: print.addWhitespace ?? false, printPrimitives: print.alwaysPrintPrimitiveFields ?? false,
      enumsAsInts: print.alwaysPrintEnumsAsInts ?? false, preserveNames: print.preserveProtoFieldNames ?? false,
      newlineDelimited: print.streamNewlineDelimited ?? false, sseDelimited: print.streamSseStyleDelimited ?? false },
    matchIncomingRequestRoute: message.matchIncomingRequestRoute ?? false, autoMapping: message.autoMapping ?? false,
    ignoredQueryParameters: message.ignoredQueryParameters ?? [],
    ignoreUnknownQueryParameters: message.ignoreUnknownQueryParameters ?? false,
    captureUnknownQueryParameters: message.captureUnknownQueryParameters ?? false,
    convertGrpcStatus: message.convertGrpcStatus ?? false,
    urlUnescapeSpec: specs[message.urlUnescapeSpec ?? 0] ?? 'exceptReserved',
    queryParamUnescapePlus: message.queryParamUnescapePlus ?? false,
    matchUnregisteredCustomVerb: message.matchUnregisteredCustomVerb ?? false,
    caseInsensitiveEnumParsing: message.caseInsensitiveEnumParsing ?? false,
    rejectUnknownMethod: validation.rejectUnknownMethod ?? false,
    rejectUnknownQueryParameters: validation.rejectUnknownQueryParameters ?? false,
    rejectBindingBodyFieldCollisions: validation.rejectBindingBodyFieldCollisions ?? false,
    maxRequestBytes: message.maxRequestBodySize?.value ?? null,
    maxResponseBytes: message.maxResponseBodySize?.value ?? null,
  };
  if (descriptor !== null && services.length > 0) check(filter, descriptorPath(message, path), report);
  return filter;
}

const descriptorPath = (message: GrpcJsonTranscoder, path: string): string =>
  fieldPath(path, message.protoDescriptorBin === undefined ? 'proto_descriptor' : 'proto_descriptor_bin');

function readDescriptor(message: GrpcJsonTranscoder, path: string, report: Report): Buffer | null {
  const at = descriptorPath(message, path);
  const tooLong = (bytes: number): boolean => {
    if (bytes <= limits.descriptorBytesMax) return false;
    report.fail(at, `has ${bytes} bytes, more than ${limits.descriptorBytesMax}`);
    return true;
  };
  if (message.protoDescriptorBin !== undefined) {
    const bytes = Buffer.from(message.protoDescriptorBin);
    return tooLong(bytes.length) ? null : bytes;
  }
  if (message.protoDescriptor === undefined) return null;           // the check has said that one is required
  try {
    return tooLong(statSync(message.protoDescriptor).size) ? null : readFileSync(message.protoDescriptor);
  } catch (error) {
    report.fail(at, `cannot be read: ${(error as Error).message}`);
    return null;
  }
}

function check(filter: GrpcJsonTranscoderFilter, path: string, report: Report): void {
  try {
    new Transcoder(filter).check();
  } catch (error) {
    if (!(error instanceof DescriptorError)) throw error;
    report.fail(path, error.message);
  }
}
