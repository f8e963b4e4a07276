// LocalReplyConfig of a connection manager: what becomes of the answers that Weft makes itself.
import type { LocalReplyConfig as PlainConfig, LocalReplyMapper, ReplyFormat } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { LocalReplyConfig, ResponseMapper, SubstitutionFormatString } from '../wire/generated/messages.js';
import { readAccessLogFilter } from './access-log-filter.js';
import { numberOf, readDataSource } from './fields.js';
import { readFormat } from './format-string.js';
import { readHeaderMutations } from './header-mutations.js';

export function readLocalReply(message: LocalReplyConfig | undefined, path: string,
  report: Report): PlainConfig | null {
  if (message === undefined) return null;
  return {
    mappers: (message.mappers ?? []).map((mapper, index) =>
      readMapper(mapper, `${fieldPath(path, 'mappers')}[${index}]`, report)),
    format: readReplyFormat(message.bodyFormat, fieldPath(path, 'body_format'), report),
  };
}

function readMapper(mapper: ResponseMapper, path: string, report: Report): LocalReplyMapper {
  const body = mapper.body === undefined ? null : readDataSource(mapper.body, fieldPath(path, 'body'), report);
  const { responseHeaders } = readHeaderMutations({ responseHeadersToAdd: mapper.headersToAdd ?? [] },
    path, report, 'headers_to_add');
  return {
    filter: readAccessLogFilter(mapper.filter ?? {}, fieldPath(path, 'filter'), report),
    status: mapper.statusCode === undefined ? null : numberOf(mapper.statusCode, 200),
    body: body === null ? null : body.toString('utf8'),
    format: readReplyFormat(mapper.bodyFormatOverride, fieldPath(path, 'body_format_override'), report),
    headers: responseHeaders,
  };
}

function readReplyFormat(format: SubstitutionFormatString | undefined, path: string,
  report: Report): ReplyFormat | null {
  if (format === undefined) return null;
  const contentType = format.contentType ?? '';
  const plain = readFormat(format, '', path, report);
  return { format: plain,
    contentType: contentType !== '' ? contentType : plain.kind === 'json' ? 'application/json' : 'text/plain' };
}
