// envoy.filters.http.csrf: a request that changes something must come from a page of the same host, or of one that is
// listed.
import type { CsrfFilter as Config } from '../../config/http-filters.js';
import type { FractionCell } from '../../config/runtime-cells.js';
import { Head } from '../../core/generated/layouts.js';
import { detail } from '../../core/response-flags.js';
import { CsrfStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { recordHeader } from '../routing/regex.js';
import { StringCondition } from '../routing/string-condition.js';
import { CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

const MODIFYING = new Set(['POST', 'PUT', 'DELETE', 'PATCH']);

export class CsrfFilter implements HttpFilter {
  private readonly enabled: FractionCell;
  private readonly shadow: FractionCell;
  private readonly origins: readonly StringCondition[];

  constructor(private readonly engine: Engine, config: Config, private readonly scope: number) {
    this.enabled = engine.runtime.fraction(config.enabled);
    this.shadow = engine.runtime.fraction(config.shadowEnabled);
    this.origins = config.additionalOrigins.map((matcher) => new StringCondition(matcher));
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine } = this;
    const random = engine.codecs.nextRandom(engine.randomState);
    const enabled = this.enabled.holds(random);
    if (!enabled && !this.shadow.holds(random)) return CONTINUE;
    const { i32 } = engine;
    const words = engine.requestRecord >> 2;
    if (!MODIFYING.has(engine.readText(i32[words + Head.methodAt], i32[words + Head.methodBytes]))) return CONTINUE;
    const source = hostOf(recordHeader(engine, engine.requestRecord, 'origin'))
      || hostOf(recordHeader(engine, engine.requestRecord, 'referer'));
    if (source === '') engine.count(this.scope, CsrfStat.missing_source_origin);
    else {
      const target = hostOf(engine.readText(i32[words + Head.hostAt], i32[words + Head.hostBytes]));
      if (source === target || this.origins.some((condition) => condition.holds(source))) {
        engine.count(this.scope, CsrfStat.request_valid);
        return CONTINUE;
      }
      engine.count(this.scope, CsrfStat.request_invalid);
    }
    return enabled ? actions.reply(stream, 403, 0, detail('csrf_origin_mismatch'), 'Invalid origin') : CONTINUE;
  }

  release(): void { /* nothing in the arena */ }
}

/** Host and port of a URL; what is none stays as it is. */
function hostOf(url: string | null): string {
  if (url === null || url === 'null') return '';
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(url)?.[1] ?? url;
}
