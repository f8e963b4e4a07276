// envoy.filters.http.cors: answers preflights, and tells browsers that a response may be read across origins. The
// policy stands in routes alone; each of its parts is the most specific level's that has it.
import type { CorsFilter as Config, CorsPolicy } from '../../config/http-filters.js';
import type { FractionCell } from '../../config/runtime-cells.js';
import type { HeaderMutation } from '../../config/types.js';
import { Method } from '../../core/generated/layouts.js';
import { detail } from '../../core/response-flags.js';
import { CorsStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { CompiledMutations } from '../routing/mutations.js';
import { recordHeader } from '../routing/regex.js';
import { StringCondition } from '../routing/string-condition.js';
import { CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

const set = (name: string, value: string): HeaderMutation =>
  ({ name, spelling: name, value, action: 'overwrite', keepEmptyValue: false });

export class CorsFilter implements HttpFilter {
  private readonly origins: readonly StringCondition[];
  private readonly enabled: FractionCell;
  private readonly shadow: FractionCell;
  private readonly response: CompiledMutations;
  private readonly preflight: string;
  private readonly allowMethods: string;
  private readonly allowHeaders: string;
  private readonly allowsAll: boolean;
  private readonly forwardsOthers: boolean;
  private readonly allowsPrivateNetwork: boolean;

  private constructor(private readonly engine: Engine, policies: readonly CorsPolicy[],
      private readonly scope: number) {
    const text = (part: 'allowMethods' | 'allowHeaders' | 'exposeHeaders' | 'maxAge'): string =>
      policies.find((policy) => policy[part] !== '')?.[part] ?? '';
    const flag = (part: 'allowCredentials' | 'allowPrivateNetwork' | 'forwardNotMatchingPreflights'): boolean | null =>
      policies.find((policy) => policy[part] !== null)?.[part] ?? null;
    this.origins = (policies.find(({ allowOrigins }) => allowOrigins.length > 0)?.allowOrigins ?? [])
      .map((matcher) => new StringCondition(matcher));
    this.enabled = engine.runtime.fraction(policies[0]!.enabled);
    this.shadow = engine.runtime.fraction(policies[0]!.shadowEnabled);
    const credentials = flag('allowCredentials') === true;
    this.allowsPrivateNetwork = flag('allowPrivateNetwork') === true;
    this.forwardsOthers = flag('forwardNotMatchingPreflights') !== false;
    this.preflight = (credentials ? 'access-control-allow-credentials: true\r\n' : '')
      + line('access-control-max-age', text('maxAge'));
    this.allowMethods = text('allowMethods');
    this.allowHeaders = text('allowHeaders');
    this.allowsAll = this.origins.some((condition) => condition.holds('*'));
    const response = CompiledMutations.compile(engine, [{ remove: [], add: [
      set('access-control-allow-origin', '%REQ(origin)%'),
      ...(credentials ? [set('access-control-allow-credentials', 'true')] : []),
      ...(text('exposeHeaders') === '' ? [] : [set('access-control-expose-headers',
        text('exposeHeaders').replaceAll('%', '%%'))])] }]);
    if (response === 'full' || response === null) throw new Error('the arena has no room for a CORS policy');
    this.response = response;
  }

  /** Null: no level has a policy. */
  static of(engine: Engine, configs: readonly Config[], scope: number): CorsFilter | null {
    const policies = configs.flatMap(({ policy }) => policy === null ? [] : [policy]).reverse();
    return policies.length === 0 ? null : new CorsFilter(engine, policies, scope);
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine } = this;
    if (stream.route === null || stream.route.forward === null) return CONTINUE;
    const origin = this.header('origin');
    if (origin === null || origin === '') return CONTINUE;
    const random = engine.codecs.nextRandom(engine.randomState);
    const enabled = this.enabled.holds(random);
    if (!enabled && !this.shadow.holds(random)) return CONTINUE;
    const allowed = this.allowsAll || this.origins.some((condition) => condition.holds(origin));
    engine.count(this.scope, allowed ? CorsStat.origin_valid : CorsStat.origin_invalid);
    if (!enabled) return CONTINUE;
    stream.crossOrigin = allowed;
    const method = stream.method === Method.OPTIONS ? this.header('access-control-request-method') ?? '' : '';
    if (method === '' || (!allowed && this.forwardsOthers)) return CONTINUE;
    return actions.reply(stream, 200, 0, detail('cors_response'), '', this.preflightLines(allowed ? origin : '',
      method));
  }

  /** A star means what the browser asked for. */
  private preflightLines(origin: string, method: string): string {
    const privately = this.allowsPrivateNetwork && this.header('access-control-request-private-network') === 'true';
    return line('access-control-allow-origin', origin) + this.preflight
      + line('access-control-allow-methods', this.allowMethods === '*' ? method : this.allowMethods)
      + line('access-control-allow-headers', this.allowHeaders === '*'
        ? this.header('access-control-request-headers') ?? '' : this.allowHeaders)
      + (privately ? 'access-control-allow-private-network: true\r\n' : '');
  }

  private header(name: string): string | null {
    return recordHeader(this.engine, this.engine.requestRecord, name);
  }

  responseMutations(stream: Stream): CompiledMutations | null { return stream.crossOrigin ? this.response : null; }

  release(): void { this.response.release(); }
}

const line = (name: string, value: string): string => value === '' ? '' : `${name}: ${value}\r\n`;
