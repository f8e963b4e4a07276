// Calls of Dubbo clients, with hessian2: arguments behind the descriptor, or within those of $invoke; answers begin
// with what they are.
import { answerFlags, DUBBO_HESSIAN, DUBBO_SERIALIZATION } from './dubbo-call.js';
import { EXCEPTION, exceptionFields, STACK_TRACE } from './answering.js';
import type { AnswerFrame, LineOf, RpcAnswering, SaidCall } from './answering.js';
import { bytesOf } from './call.js';
import { CarryError } from './failure.js';
import { writeJson } from './hessian-of-json.js';
import { HessianReader } from './hessian-reader.js';
import { HessianList } from './hessian-values.js';
import { HessianWriter } from './hessian-writer.js';
import type { JavaType } from './java-types.js';
import { typesOfDescriptor } from './java-types.js';
import type { Json } from './json.js';

const OK = 20, BAD_REQUEST = 40, BAD_RESPONSE = 50;
/** What an answer begins with. */
const THROWN = 0, VALUE = 1, NULL = 2;

const frameLine = (status: number): string => `weft-frame: ${answerFlags}${status.toString(16)}0000000000\r\n`;
const isHessian = (line: LineOf): boolean =>
  ((bytesOf(line('weft-frame'))[0] ?? 0) & DUBBO_SERIALIZATION) === DUBBO_HESSIAN;

export class DubboAnswering implements RpcAnswering {
  constructor(private readonly depthMax: number) {}

  read(body: Uint8Array, line: LineOf): SaidCall {
    if (!isHessian(line)) throw new CarryError('the call is of another serialization than hessian2');
    const reader = new HessianReader(body, 'final', this.depthMax);
    for (let strings = 0; strings < 3; strings++) reader.string();         // Dubbo's version, service, its version
    const method = reader.string(), descriptor = reader.string() ?? '';
    const types = typesOfDescriptor(descriptor);
    const values = types.map(() => reader.value());
    if (method !== '$invoke') return { types, values };
    const [, said, held] = values;
    if (values.length !== 3 || !(said instanceof HessianList || said === null)
      || !(held instanceof HessianList || held === null)) throw new CarryError('$invoke has other arguments');
    return { types: (said?.items ?? []).map(String), values: held?.items ?? [] };
  }

  value(type: JavaType | null, json: Json): AnswerFrame {
    const out = new HessianWriter('final');
    if (type === null || (json === null && !type.primitive)) out.int(NULL);
    else {
      out.int(VALUE);
      writeJson(out, type, json, 'the result');
    }
    return { lines: frameLine(OK), body: out.done() };
  }

  exception(message: string): AnswerFrame {
    const out = new HessianWriter('final');
    out.int(THROWN);
    out.beginObject(EXCEPTION, exceptionFields);
    out.string(message);
    out.nothing();
    out.beginList(0, STACK_TRACE);
    out.endList();
    return { lines: frameLine(OK), body: out.done() };
  }

  refusal(status: number, message: string, line: LineOf): AnswerFrame | null {
    if (!isHessian(line)) return null;
    const out = new HessianWriter('final');
    out.string(message);
    return { lines: frameLine(status === 400 ? BAD_REQUEST : BAD_RESPONSE), body: out.done() };
  }
}
