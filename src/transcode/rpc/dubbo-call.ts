// Calls of Dubbo 2 with bodies of hessian2: `2.0.2`, service, version, method, descriptor, arguments, attachments. The
// attachments are lines of the head, so that routes may change them; the codec writes them behind the body, whose last
// byte opens their map.
import type { RpcJsonCall } from '../../config/http-filters.js';
import type { Json } from './json.js';
import { answerOf, bytesOf } from './call.js';
import type { RpcAnswer, RpcCall, RpcResponse } from './call.js';
import { failureJson, failureOf } from './exceptions.js';
import { CarryError } from './failure.js';
import { pairLine } from './frame-lines.js';
import { writeJson } from './hessian-of-json.js';
import { HessianReader } from './hessian-reader.js';
import { HessianWriter } from './hessian-writer.js';
import { typesOf } from './java-types.js';
import { jsonOf } from './json-of-hessian.js';
import type { JsonLimits } from './json-of-hessian.js';

/** Flags of a request that wants an answer, with hessian2; no status; a map of attachments, none of it in the body. */
const FRAME = 'c200' + '01' + '00000000';
const STATUS_OK = 20, MAP = 0x48;
export const DUBBO_SERIALIZATION = 31, DUBBO_HESSIAN = 2;
/** Of an answer with hessian2. */
export const answerFlags = '02';
const VERSION_OF_DUBBO = '2.0.2', GENERIC = 'Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;';
/** What an answer begins with. */
const EXCEPTION = 0, VALUE = 1, NULL = 2, WITH_ATTACHMENTS = 3;

const statusNames: Readonly<Record<number, string>> = { 25: 'SERIALIZATION_ERROR', 30: 'CLIENT_TIMEOUT',
  31: 'SERVER_TIMEOUT', 35: 'CHANNEL_INACTIVE', 40: 'BAD_REQUEST', 50: 'BAD_RESPONSE', 60: 'SERVICE_NOT_FOUND',
  70: 'SERVICE_ERROR', 80: 'SERVER_ERROR', 90: 'CLIENT_ERROR', 100: 'SERVER_THREADPOOL_EXHAUSTED_ERROR' };

export class DubboCall implements RpcCall {
  readonly lines: string;
  private readonly types;

  constructor(private readonly call: RpcJsonCall) {
    const { service, method, version, group, timeoutMs, application, generic, attachments } = call;
    this.types = typesOf(call.arguments);
    const pairs: [string, string][] = [['path', service], ['interface', service]];
    if (version !== '') pairs.push(['version', version]);
    if (group !== '') pairs.push(['group', group]);
    if (timeoutMs > 0) pairs.push(['timeout', String(timeoutMs)]);
    if (application !== '') pairs.push(['application', application], ['remote.application', application]);
    if (generic) pairs.push(['generic', 'true']);
    for (const { name, value } of attachments) pairs.push([name, value]);
    this.lines = `x-service: ${service}\r\nx-method: ${method}\r\n`
      + (version === '' ? '' : `x-version: ${version}\r\n`) + (group === '' ? '' : `x-group: ${group}\r\n`)
      + `weft-frame: ${FRAME}\r\n${pairs.map(([name, value]) => pairLine(name, value)).join('')}`;
  }

  body(values: readonly Json[]): Buffer {
    const { service, method, version, generic } = this.call;
    const out = new HessianWriter('final');
    const { types } = this;
    out.string(VERSION_OF_DUBBO);
    out.string(service);
    out.string(version === '' ? '0.0.0' : version);
    if (generic) {
      out.string('$invoke');
      out.string(GENERIC);
      out.string(method);
      out.beginList(types.length, '[string');
      for (const { name } of types) out.string(name);
      out.endList();
      out.beginList(types.length, '[object');
    } else {
      out.string(method);
      out.string(types.map(({ descriptor }) => descriptor).join(''));
    }
    types.forEach((type, index) => { writeJson(out, type, values[index]!, this.call.arguments[index]!.place); });
    out.raw(MAP);
    return out.done();
  }

  answer({ status, line, body }: RpcResponse, limits: JsonLimits): RpcAnswer {
    const frame = bytesOf(line('weft-frame'));
    if (frame.length < 2) throw new CarryError('the answer is no frame of Dubbo');
    const said = frame[1]!;
    if ((frame[0]! & DUBBO_SERIALIZATION) !== DUBBO_HESSIAN && body.length > 0)
      throw new CarryError(`the answer is of serialization ${frame[0]! & DUBBO_SERIALIZATION}, not of hessian2`);
    const reader = new HessianReader(body, 'final', limits.depthMax);
    if (said !== STATUS_OK) {
      const message = body.length === 0 ? '' : reader.string() ?? '';
      return answerOf(status, failureJson({ type: `dubbo.${statusNames[said] ?? said}`, message }));
    }
    const kind = reader.value();
    if (typeof kind !== 'number' || kind < 0 || kind > 5) throw new CarryError('the answer does not say what it is');
    const what = kind % WITH_ATTACHMENTS;
    const value = what === NULL ? null : reader.value();
    if (kind >= WITH_ATTACHMENTS) reader.value();
    if (!reader.ended) throw new CarryError('bytes follow the answer');
    if (what === EXCEPTION) return answerOf(500, failureJson(failureOf(value, 'dubbo.EXCEPTION')));
    return answerOf(200, what === VALUE ? jsonOf(value, limits, 'the result') : 'null');
  }
}
