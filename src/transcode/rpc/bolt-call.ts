// Calls of SOFARPC by Bolt version 1: a SofaRequest in Hessian's draft dialect, behind it the arguments; the answer is
// a SofaResponse.
import type { RpcJsonCall } from '../../config/http-filters.js';
import type { Json } from './json.js';
import { answerOf, bytesOf } from './call.js';
import type { RpcAnswer, RpcCall, RpcResponse } from './call.js';
import { failureJson, failureOf, isThrowable } from './exceptions.js';
import { CarryError } from './failure.js';
import { pairLine } from './frame-lines.js';
import { writeJson } from './hessian-of-json.js';
import { HessianReader } from './hessian-reader.js';
import { HessianObject } from './hessian-values.js';
import { HessianWriter } from './hessian-writer.js';
import { typesOf } from './java-types.js';
import { jsonOf } from './json-of-hessian.js';
import type { JsonLimits } from './json-of-hessian.js';

export const SOFA_REQUEST = 'com.alipay.sofa.rpc.core.request.SofaRequest';
export const SOFA_RESPONSE = 'com.alipay.sofa.rpc.core.response.SofaResponse';
const FIELDS = ['targetAppName', 'methodName', 'targetServiceUniqueName', 'requestProps', 'methodArgSigs'];
export const BOLT_HESSIAN = 1;
/** Of an answer's fixed header, in version 1; version 2 has a byte more before its codec, and another behind it. */
const CODEC_AT = 9, STATUS_AT = 10, HEADER_BYTES = 20, V2 = 2;
export const isWide = (header: Uint8Array): boolean => header[0] === V2;
export const codecOf = (header: Uint8Array): number => header[CODEC_AT + Number(isWide(header))] ?? 0;

const statusNames: Readonly<Record<number, string>> = { 1: 'ERROR', 2: 'SERVER_EXCEPTION', 3: 'UNKNOWN',
  4: 'SERVER_THREADPOOL_BUSY', 5: 'ERROR_COMM', 6: 'NO_PROCESSOR', 7: 'TIMEOUT', 8: 'CLIENT_SEND_ERROR',
  9: 'CODEC_EXCEPTION', 16: 'CONNECTION_CLOSED', 17: 'SERVER_SERIAL_EXCEPTION', 18: 'SERVER_DESERIAL_EXCEPTION' };

export class BoltCall implements RpcCall {
  readonly lines: string;
  private readonly uniqueName: string;
  private readonly types;

  constructor(private readonly call: RpcJsonCall) {
    const { service, method, version, group, timeoutMs, application, attachments } = call;
    this.types = typesOf(call.arguments);
    const ofService = version === '' ? '1.0' : version;
    this.uniqueName = `${service}:${ofService}${group === '' ? '' : `:${group}`}`;
    const pairs: [string, string][] = [['service', this.uniqueName], ['sofa_head_target_service', this.uniqueName],
      ['sofa_head_method_name', method]];
    if (application !== '') pairs.push(['app', application]);
    for (const { name, value } of attachments) pairs.push([name, value]);
    const timeout = (timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS).toString(16).padStart(8, '0');
    this.lines = `x-service: ${service}\r\nx-method: ${method}\r\nx-version: ${ofService}\r\n`
      + `${group === '' ? '' : `x-group: ${group}\r\n`}x-class: ${SOFA_REQUEST}\r\n`
      // Version 1, a request, of command 1 in version 1; its number; hessian; lengths, which the codec knows.
      + `weft-frame: 0101000101${'00000000'}01${timeout}0000000000000000\r\n`
      + pairs.map(([name, value]) => pairLine(name, value)).join('');
  }

  body(values: readonly Json[]): Buffer {
    const { types, call } = this;
    const out = new HessianWriter('draft');
    out.beginObject(SOFA_REQUEST, FIELDS);
    out.nothing();
    out.string(call.method);
    out.string(this.uniqueName);
    out.nothing();
    out.beginList(types.length, '[string');
    for (const { name } of types) out.string(name);
    out.endList();
    types.forEach((type, index) => { writeJson(out, type, values[index]!, call.arguments[index]!.place); });
    return out.done();
  }

  answer({ status, line, body }: RpcResponse, limits: JsonLimits): RpcAnswer {
    const frame = bytesOf(line('weft-frame'));
    const wide = Number(isWide(frame));
    if (frame.length !== HEADER_BYTES + 2 * wide) throw new CarryError('the answer is no frame of Bolt');
    const said = frame.readUInt16BE(STATUS_AT + 2 * wide), codec = codecOf(frame);
    const reader = new HessianReader(body, 'draft', limits.depthMax);
    if (said !== 0) {
      const { message } = body.length === 0 || codec !== BOLT_HESSIAN ? { message: '' } : failureOf(reader.value(), '');
      return answerOf(status, failureJson({ type: `bolt.${statusNames[said] ?? said}`, message }));
    }
    if (codec !== BOLT_HESSIAN) throw new CarryError(`the answer is of codec ${codec}, not of hessian2`);
    const response = reader.value();
    if (!(response instanceof HessianObject) || response.type !== SOFA_RESPONSE)
      throw new CarryError('the answer is no SofaResponse');
    if (!reader.ended) throw new CarryError('bytes follow the answer');
    const value = response.field('appResponse') ?? null, message = response.field('errorMsg');
    if (response.field('isError') === true) {
      return answerOf(500, failureJson({ type: 'bolt.SOFA_RESPONSE_ERROR',
        message: typeof message === 'string' ? message : '' }));
    }
    if (isThrowable(value) || line('sofa_head_response_error') === 'true')
      return answerOf(500, failureJson(failureOf(value, 'bolt.EXCEPTION')));
    return answerOf(200, jsonOf(value, limits, 'the result'));
  }
}

/** As SOFARPC has it. */
const DEFAULT_TIMEOUT_MS = 3000;
