// envoy.filters.http.buffer: the request goes on when all of it is here, so that an upstream is not kept waiting by a
// slow client. A longer body than the limit is refused.
import type { BufferFilter as Config } from '../../config/http-filters.js';
import type { Stream } from '../proxy/stream.js';
import { CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

export class BufferFilter implements HttpFilter {
  constructor(private readonly config: Config) {}

  onRequest(stream: Stream, actions: Actions): number {
    if (stream.request.complete || stream.isUpgrade) return CONTINUE;
    return actions.collectBody(stream, this.config.maxRequestBytes);
  }
  onResume(): number { return CONTINUE; }
  release(): void { /* nothing in the arena */ }
}
