// Which test file holds which areas, so that each file stays below a minute. Areas that are named nowhere are
// differential.test.ts's.
import { areas } from './areas.js';
import type { Scenario } from './scenario.js';

const files = {
  messages: ['answers', 'endpoints', 'ends', 'forwarded', 'headers', 'http1', 'local-replies', 'paths', 'times',
    'upgrades'],
  processes: ['processes'],
  upstreams: ['balancing', 'hashing', 'override-host', 'subsets', 'upstreams', 'zones'],
  attempts: ['hedging', 'mirroring', 'redirects', 'retries', 'retry-hosts'],
  listeners: ['listeners', 'tcp'],
  transcoding: ['grpc-bridge', 'grpc-stats', 'grpc-timeouts', 'grpc-web', 'transcoder',
    'transcoder-hostile', 'transcoder-json', 'transcoder-streams'],
  filters: ['filters', 'filters-more', 'filters-together', 'forward-proxy', 'metadata'],
} as const;

export type DifferentialFile = keyof typeof files | 'rest';

export function areasOf(file: DifferentialFile): Record<string, readonly Scenario[]> {
  const named = new Set<string>(Object.values(files).flat());
  const mine = new Set<string>(file === 'rest' ? [] : files[file]);
  return Object.fromEntries(Object.entries(areas).filter(([area]) =>
    file === 'rest' ? !named.has(area) : mine.has(area)));
}
