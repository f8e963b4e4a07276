// Calls of SOFARPC clients by Bolt, version 1 or 2: a SofaRequest and its arguments; the answer is a SofaResponse in
// the same version.
import { EXCEPTION, exceptionFields, STACK_TRACE } from './answering.js';
import type { AnswerFrame, LineOf, RpcAnswering, SaidCall } from './answering.js';
import { BOLT_HESSIAN, codecOf, isWide, SOFA_REQUEST, SOFA_RESPONSE } from './bolt-call.js';
import { bytesOf } from './call.js';
import { CarryError } from './failure.js';
import { pairLine } from './frame-lines.js';
import { writeJson } from './hessian-of-json.js';
import { HessianReader } from './hessian-reader.js';
import { HessianList, HessianObject } from './hessian-values.js';
import { HessianWriter } from './hessian-writer.js';
import type { JavaType } from './java-types.js';
import type { Json } from './json.js';

const FIELDS = ['isError', 'errorMsg', 'appResponse', 'responseProps'] as const;

export class BoltAnswering implements RpcAnswering {
  constructor(private readonly depthMax: number) {}

  read(body: Uint8Array, line: LineOf): SaidCall {
    if (codecOf(bytesOf(line('weft-frame'))) !== BOLT_HESSIAN)
      throw new CarryError('the call is of another codec than hessian2');
    const reader = new HessianReader(body, 'draft', this.depthMax);
    const request = reader.value();
    if (!(request instanceof HessianObject) || request.type !== SOFA_REQUEST)
      throw new CarryError('the call is no SofaRequest');
    const signatures = request.field('methodArgSigs') ?? null;
    if (signatures !== null && !(signatures instanceof HessianList))
      throw new CarryError('the call does not say the types of its arguments');
    const types = (signatures?.items ?? []).map(String);
    const values = types.map(() => reader.value());
    if (!reader.ended) throw new CarryError('bytes follow the arguments');
    return { types, values };
  }

  value(type: JavaType | null, json: Json, line: LineOf): AnswerFrame {
    return frame(line, '', '', (out) => {
      if (type === null) out.nothing(); else writeJson(out, type, json, 'the result');
    });
  }

  exception(message: string, line: LineOf): AnswerFrame {
    return frame(line, '', pairLine('sofa_head_response_error', 'true'), (out) => {
      out.beginObject(EXCEPTION, exceptionFields);
      out.string(message);
      out.nothing();
      out.beginList(0, STACK_TRACE);
      out.endList();
    });
  }

  refusal(_status: number, message: string, line: LineOf): AnswerFrame | null {
    return codecOf(bytesOf(line('weft-frame'))) !== BOLT_HESSIAN ? null
      : frame(line, message, pairLine('sofa_head_response_error', 'true'), (out) => { out.nothing(); });
  }
}

/** A SofaResponse: an error where there is a message. */
function frame(line: LineOf, message: string, lines: string, write: (out: HessianWriter) => void): AnswerFrame {
  const out = new HessianWriter('draft');
  out.beginObject(SOFA_RESPONSE, FIELDS);
  out.boolean(message !== '');
  if (message === '') out.nothing(); else out.string(message);
  write(out);
  out.nothing();
  return { lines: `weft-frame: ${headerFor(bytesOf(line('weft-frame')))}\r\nx-class: ${SOFA_RESPONSE}\r\n${lines}`,
    body: out.done() };
}

/** The fixed header of the answer to a request that had this one; number and lengths are the codec's. */
function headerFor(request: Buffer): string {
  const version = isWide(request) ? request.toString('hex', 0, 2) : '01';
  const codec = isWide(request) ? request.toString('hex', 10, 12) : '01';          // with its switch
  return `${version}00000201${'00000000'}${codec}0000${'0000'}${'0000'}${'00000000'}`;
}
