// A grpc_json_transcoder configuration, compiled: which requests it takes, and what becomes of them. Reading a
// configuration compiles it once to see that it holds; a worker compiles it when its first request comes.
import type { GrpcJsonTranscoderFilter as Config } from '../config/http-filters.js';
import { limits } from '../core/limits.js';
import { Descriptors } from './descriptors.js';
import { GrpcFailure } from './grpc-failure.js';
import { addServices, resolvePath } from './http-rules.js';
import type { TranscodedMethod } from './http-rules.js';
import { PathMatcher, queryBindings } from './path-matcher.js';
import { translationOf } from './requests.js';
import type { RequestTranslation } from './requests.js';
import { ResponseTranslation, statusJson } from './responses.js';
import type { ResponseOptions } from './responses.js';
import type { ResolvedBinding } from './weaver.js';

/** A request that is taken. */
export interface Call {
  method: TranscodedMethod;
  /** Names of the fields that the body goes into. */
  bodyPath: string[];
  bindings: ResolvedBinding[]; unknown: Map<string, string[]>;
}

const QUESTION_MARK = 63;

/** Filters of several listeners and routes often have one descriptor set: the last ones are kept. */
const kept: { descriptor: string; withStatus: boolean; descriptors: Descriptors }[] = [];

function descriptorsOf({ descriptor, convertGrpcStatus: withStatus }: Config): Descriptors {
  const known = kept.find((entry) => entry.withStatus === withStatus && entry.descriptor === descriptor);
  if (known !== undefined) return known.descriptors;
  const descriptors = new Descriptors(Buffer.from(descriptor, 'base64'), limits.descriptorTypesMax, withStatus);
  kept.push({ descriptor, withStatus, descriptors });
  if (kept.length > limits.descriptorsKept) kept.shift();
  return descriptors;
}

export class Transcoder {
  private readonly descriptors: Descriptors;
  private readonly matcher: PathMatcher<TranscodedMethod>;
  private readonly ignored: ReadonlySet<string>;
  private readonly print: ResponseOptions;

  /** Throws DescriptorError. */
  constructor(readonly config: Config) {
    this.descriptors = descriptorsOf(config);
    this.matcher = new PathMatcher(config.urlUnescapeSpec, config.matchUnregisteredCustomVerb);
    addServices(this.matcher, this.descriptors, { services: config.services, autoMapping: config.autoMapping,
      templatesMax: limits.pathTemplatesMax });
    this.ignored = new Set(config.ignoredQueryParameters);
    this.print = config.print;
  }

  /** Looks at all of the descriptor set, which a request does only as far as it needs. Throws DescriptorError. */
  check(): void { this.descriptors.check(); }

  /**
   * The call that a request is; its path with the query lies in [at, end). Null: none of these methods. Throws
   * GrpcFailure where the query has what the method's request has not.
   */
  find(httpMethod: string, bytes: Uint8Array, at: number, end: number): Call | null {
    let pathEnd = at;
    while (pathEnd < end && bytes[pathEnd] !== QUESTION_MARK) pathEnd++;
    const found = this.matcher.find(httpMethod, bytes, at, pathEnd);
    if (found === null) return null;
    const { target: method } = found;
    const query = pathEnd < end ? Buffer.from(bytes.subarray(pathEnd + 1, end)).toString('latin1') : '';
    const call: Call = { method, bindings: [], unknown: new Map(),
      bodyPath: found.body === '*' ? [] : found.body.split('.').filter((name) => name !== '') };
    const all = [...found.bindings, ...queryBindings(query, this.ignored, this.config.queryParamUnescapePlus)];
    for (const { fieldPath, value } of all) {
      const path = resolvePath(method.method.input, fieldPath);
      if (typeof path === 'string') this.unknown(call, fieldPath.join('.'), value, path);
      else if (!isWithinBody(method, path)) call.bindings.push({ path, value });
    }
    return call;
  }

  private unknown(call: Call, name: string, value: string, why: string): void {
    if (this.config.captureUnknownQueryParameters) {
      const values = call.unknown.get(name);
      if (values === undefined) call.unknown.set(name, [value]); else values.push(value);
    } else if (!this.config.ignoreUnknownQueryParameters) throw new GrpcFailure('INVALID_ARGUMENT', why);
  }

  /** Throws GrpcFailure. */
  request(call: Call, contentType: string): RequestTranslation {
    const { method, bodyPath, bindings, unknown } = call;
    return translationOf({ method, bodyPath, bindings, unknown, descriptors: this.descriptors, contentType,
      refusesCollisions: this.config.rejectBindingBodyFieldCollisions,
      anyEnumCase: this.config.caseInsensitiveEnumParsing });
  }

  response(call: Call): ResponseTranslation {
    return new ResponseTranslation(this.descriptors, call.method, this.print);
  }

  /** google.rpc.Status as JSON; null: not wanted, or its details are of types that the descriptor set has not. */
  statusBody(code: number, message: string | null, details: string | null): Uint8Array | null {
    if (!this.config.convertGrpcStatus) return null;
    const json = statusJson(this.descriptors, code, message, details, this.print);
    return json === null ? null : Buffer.from(json);
  }
}

/** A body that goes as it is takes nothing of what path and query say about it. */
function isWithinBody(method: TranscodedMethod, path: readonly unknown[]): boolean {
  return method.requestIsHttpBody && method.requestPath.every((field, index) => path[index] === field);
}
