// envoy.filters.http.header_mutation: the connection manager's mutations, then those of the levels of the route.
import type { FilterMutation, HeaderMutationFilter as Config } from '../../config/http-filters.js';
import type { HeaderMutations } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { CompiledMutations } from '../routing/mutations.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

export class HeaderMutationFilter implements HttpFilter {
  readonly keepsHead: boolean;

  /** `request`: in steps, each of which sees what the ones before it did. */
  private constructor(private readonly request: readonly CompiledMutations[], private readonly exact: boolean,
    private readonly response: CompiledMutations | null) {
    this.keepsHead = response?.needsRequestHead === true;
  }

  /** Null: it changes nothing. `levels`: from the least to the most specific. */
  static of(engine: Engine, own: Config, levels: readonly Config[]): HeaderMutationFilter | null {
    const order = [own, ...(own.mostSpecificWins ? levels : [...levels].reverse())];
    const compile = (mutations: readonly FilterMutation[]): CompiledMutations | null => {
      const compiled = CompiledMutations.compile(engine, mutations.map(single));
      if (compiled === 'full') throw new Error('the arena has no room for header mutations');
      return compiled;
    };
    const ofRequests = order.flatMap(({ request }) => request);
    const request = stepsOf(ofRequests).flatMap((step) => compile(step) ?? []);
    const response = compile(order.flatMap((level) => level.response));
    if (request.length === 0 && response === null) return null;
    return new HeaderMutationFilter(request, ofRequests.some(touchesManaged), response);
  }

  onRequest(stream: Stream, actions: Actions): number {
    for (let i = 0; i < this.request.length; i++) {
      if (!actions.mutate(stream, this.request[i]!, this.exact)) return ANSWERED;
    }
    return CONTINUE;
  }

  responseMutations(): CompiledMutations | null { return this.response; }

  release(): void {
    for (const step of this.request) step.release();
    this.response?.release();
  }
}

const single = (mutation: FilterMutation): HeaderMutations => 'remove' in mutation
  ? { add: [], remove: [mutation.remove] } : { add: [mutation.add], remove: [] };

const readsRequest = (mutation: FilterMutation): boolean => 'add' in mutation && /%REQ|%PATH/.test(mutation.add.value);
const nameOf = (mutation: FilterMutation): string => 'add' in mutation ? mutation.add.name : mutation.remove;
/** Headers that the connection manager adds or takes away when it sends a request on. */
const touchesManaged = (mutation: FilterMutation): boolean => readsRequest(mutation)
  || /^(x-forwarded-|x-envoy-|x-request-id$|via$)/.test(nameOf(mutation));

/** Is its value made of a header that the earlier one changed? Then it begins another step. */
const sees = (mutation: FilterMutation, earlier: FilterMutation): boolean => readsRequest(mutation)
  && 'add' in mutation && mutation.add.value.toLowerCase().includes(nameOf(earlier));

function stepsOf(mutations: readonly FilterMutation[]): FilterMutation[][] {
  const steps: FilterMutation[][] = [];
  for (const mutation of mutations) {
    const last = steps.at(-1);
    if (last === undefined || last.some((earlier) => sees(mutation, earlier))) steps.push([mutation]);
    else last.push(mutation);
  }
  return steps;
}
