// Which endpoint a retry goes to: priorities that were tried, canaries and endpoints with some metadata are left out.
import { answer, get, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const names = ['a', 'b', 'c'];
const at = (name: string, more: Fields = {}): object => ({ ...more, endpoint: { address: { socket_address: {
  address: '127.0.0.1', port_value: `{port:${name}}` } } } });
const labelled = (name: string, labels: Fields): object => at(name, { metadata: { filter_metadata: {
  'envoy.lb': labels } } });
const priority = (number: number, ...endpoints: object[]): object => ({ priority: number, lb_endpoints: endpoints });
const any = (type: string, config: Fields = {}): Fields => ({ name: 'x', typed_config: {
  '@type': `type.googleapis.com/envoy.extensions.retry.${type}`, ...config } });
const priorities = (update_frequency: number): Fields => ({ retry_priority: any(
  'priority.previous_priorities.v3.PreviousPrioritiesConfig', { update_frequency }) });
const quick = { retry_on: '5xx', retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } };
const bad: Step = { send: get('/'), answer: Object.fromEntries(names.map((name) => [name, answer(503)])) };

const tries = (name: string, retry_policy: Fields, endpoints: object[], fields: Fields = {}, route: Fields = {}):
  Scenario => ({
  name, upstreams: names, steps: [bad],
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{many}', retry_policy: { ...quick, ...retry_policy },
    ...route } }] },
  clusters: [{ name: 'many', fields: { ...fields, load_assignment: { cluster_name: 'many', endpoints } } }],
});
const each = names.map((name, index) => priority(index, at(name)));
const calm = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
const sick = (name: string): object => at(name, { health_status: 'UNHEALTHY' });
const previousHosts = any('host.previous_hosts.v3.PreviousHostsPredicate');

export const scenarios: readonly Scenario[] = [
  tries('each priority once', { ...priorities(1), num_retries: 2 }, each),
  tries('all were tried: from the beginning', { ...priorities(1), num_retries: 4 }, each),
  tries('after two attempts', { ...priorities(2), num_retries: 5 }, each),
  tries('one priority alone', { ...priorities(1), num_retries: 2 }, [priority(0, at('a'))]),
  tries('a priority that has nobody is not tried', { ...priorities(1), num_retries: 3 }, [priority(0, at('a')),
    priority(1, sick('b')), priority(2, at('c'))]),
  tries('a degraded priority', { ...priorities(1), num_retries: 1 }, [priority(0, at('a')),
    priority(1, at('b', { health_status: 'DEGRADED' }))]),
  tries('nobody is well', { ...priorities(1), num_retries: 2 }, [priority(0, sick('a')), priority(1, sick('b'))], calm),
  tries('hashes do not care', { ...priorities(1), num_retries: 2 }, [priority(0, at('a')), priority(1, at('b'))],
    { lb_policy: 'MAGLEV' }, { hash_policy: [{ header: { header_name: 'host' } }] }),
  tries('hosts and priorities', { ...priorities(1), num_retries: 3, retry_host_predicate: [previousHosts],
    host_selection_retry_max_attempts: 5 }, each),
  tries('canaries are omitted', { num_retries: 4, host_selection_retry_max_attempts: 30,
    retry_host_predicate: [any('host.omit_canary_hosts.v3.OmitCanaryHostsPredicate')] },
  [priority(0, labelled('b', { canary: true })), priority(1, labelled('a', {}))]),
  tries('metadata is omitted', { num_retries: 1, host_selection_retry_max_attempts: 3, ...priorities(1),
    retry_host_predicate: [any('host.omit_host_metadata.v3.OmitHostMetadataConfig', { metadata_match: {
      filter_metadata: { 'envoy.lb': { kind: 'x' } } } })] },
  [priority(0, labelled('a', { kind: 'x' })), priority(1, labelled('b', { kind: 'x' })),
    priority(2, labelled('c', { kind: 'y' }))]),
];
