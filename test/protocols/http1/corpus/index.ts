// The whole corpus: malformed and hostile requests and responses, each with the one answer that Weft may give.
import type { RequestCase } from './case.js';
import { chunkCases } from './chunks.js';
import { lengthCases } from './lengths.js';
import { lineCases } from './lines.js';
import { allMessageCases } from './messages.js';
import { requestLineCases } from './request-line.js';
import { transferEncodingCases } from './transfer-encoding.js';

export const requestCases: readonly RequestCase[] = [
  ...lengthCases,
  ...transferEncodingCases,
  ...lineCases,
  ...requestLineCases,
  ...chunkCases,
  ...allMessageCases,
];
export { responseCases } from './responses.js';
