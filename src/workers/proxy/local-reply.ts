// local_reply_config, compiled: the first mapper whose filter holds changes status, body and headers of an answer that
// Weft makes itself; a format makes the body that is sent. Rare by nature, so strings are used.
import type { LocalReplyConfig, LocalReplyMapper, ReplyFormat } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { CompiledMutations } from '../routing/mutations.js';
import { formatterOf } from './formatter.js';
import { mutationLines } from './local-mutations.js';
import { compileFormat } from './log-format.js';
import type { CompiledFormat } from './log-format.js';
import { compileLogFilter } from './log-filter.js';
import type { LogFilter } from './log-filter.js';
import { LogLine } from './log-line.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

interface BodyFormat { format: CompiledFormat; contentType: string }
interface Mapper {
  filter: LogFilter; status: number | null; body: string | null; format: BodyFormat | null;
  mutations: CompiledMutations | null;
}

/** What is sent in place of the answer. `contentType` is null where the body is as it was. */
export interface ChangedReply { body: string; contentType: string | null; headers: string }

export class LocalReplies {
  private readonly mappers: readonly Mapper[];
  private readonly format: BodyFormat | null;
  private readonly line: LogLine;

  constructor(private readonly engine: Engine, config: LocalReplyConfig) {
    this.line = new LogLine(engine, formatterOf(engine));
    this.mappers = config.mappers.map((mapper) => this.compile(mapper));
    this.format = this.bodyFormat(config.format);
  }

  /** Sets stream.status to what the client gets. */
  change(stream: Stream, body: string): ChangedReply {
    const { engine } = this;
    const request = sentHead(engine, stream);
    const mapper = this.mappers.find(({ filter }) => filter.admits(stream, 'NotSet', request, 0)) ?? null;
    if (mapper !== null && mapper.status !== null) stream.status = mapper.status;
    const text = mapper?.body ?? body;
    const format = mapper?.format ?? this.format;
    const mutations = mapper?.mutations ?? null;
    const headers = mutations === null ? '' : mutationLines(engine, stream, mutations);
    if (format === null) return { body: text, contentType: text === body ? null : 'text/plain', headers };
    return { body: this.formatted(stream, format.format, text, request), contentType: format.contentType, headers };
  }

  release(engine: Engine): void {
    this.format?.format.release(engine);
    for (const { format, mutations } of this.mappers) {
      format?.format.release(engine);
      mutations?.release();
    }
  }

  private formatted(stream: Stream, format: CompiledFormat, body: string, request: number): string {
    const { engine, line } = this;
    const { values, writer } = line.formatter;
    values.localReplyBody = Buffer.from(body, 'utf8').toString('latin1');
    writer.begin(engine.text, engine.text + engine.textBytes);
    line.write(stream, format, request, 0);
    values.localReplyBody = '';
    return Buffer.from(engine.u8.slice(engine.text, writer.at)).toString('utf8');
  }

  private compile(mapper: LocalReplyMapper): Mapper {
    const mutations = CompiledMutations.compile(this.engine, [mapper.headers]);
    if (mutations === 'full') throw new Error('the arena has no room for a local reply mapper');
    return { filter: compileLogFilter(this.engine, mapper.filter), status: mapper.status, body: mapper.body,
      format: this.bodyFormat(mapper.format), mutations };
  }

  private bodyFormat(format: ReplyFormat | null): BodyFormat | null {
    return format === null ? null
      : { format: compileFormat(this.engine, format.format, ''), contentType: format.contentType };
  }
}

/** Header lines with this content type where they have none. */
export const withContentType = (lines: string, contentType: string | null): string =>
  (contentType === null || /(^|\n)content-type:/i.test(lines) ? lines : `content-type: ${contentType}\r\n${lines}`);
