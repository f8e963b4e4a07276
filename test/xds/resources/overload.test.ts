// The overload manager's configuration: what is read, what is refused.
import t from 'tap';
import { bootstrap, compile, errorsOf, typeUrl } from '../examples.js';

const monitors = 'envoy.extensions.resource_monitors.';
const heap = { name: 'heap', typed_config: { '@type': typeUrl(`${monitors}fixed_heap.v3.FixedHeapConfig`),
  max_heap_size_bytes: 1000 } };
const stop = { name: 'envoy.overload_actions.stop_accepting_requests',
  triggers: [{ name: 'heap', threshold: { value: 0.9 } }] };
const withOverload = (overload: object) => bootstrap(undefined, undefined, { overload_manager: overload });

t.test('monitors and actions', async (t) => {
  const result = compile(withOverload({ refresh_interval: '0.5s', resource_monitors: [heap,
    { name: 'weft.resource_monitors.file_descriptors' }], actions: [stop] }));
  t.same(result.ok && result.bootstrap.overload, { refreshIntervalMs: 500,
    monitors: [{ name: 'heap', kind: 'fixedHeap', maxHeapBytes: 1000 },
      { name: 'weft.resource_monitors.file_descriptors', kind: 'fileDescriptors' }],
    actions: [{ name: 'stopAcceptingRequests', fullName: stop.name, connectionIdle: null, streamIdle: null,
      triggers: [{ monitor: 'heap', from: 0.9, saturation: 0.9 }] }] });
});

t.test('what is wrong is refused', async (t) => {
  const refused = (overload: object) => errorsOf(withOverload(overload));
  t.match(refused({ resource_monitors: [heap], actions: [{ ...stop, name: 'x' }] }), [/actions\[0\].name: not impl/]);
  t.match(refused({ resource_monitors: [heap], actions: [stop, stop] }), [/duplicate overload action/]);
  t.match(refused({ resource_monitors: [heap, heap] }), [/duplicate resource monitor/]);
  t.match(refused({ resource_monitors: [{ name: 'x' }] }), [/typed_config: required/]);
  t.match(refused({ resource_monitors: [heap], actions: [{ ...stop,
    triggers: [{ name: 'other', threshold: { value: 1 } }] }] }), [/unknown resource monitor other/]);
  t.match(refused({ resource_monitors: [heap], actions: [{ ...stop, triggers: [{ name: 'heap',
    scaled: { scaling_threshold: 0.5, saturation_threshold: 0.5 } }] }] }), [/must be below/]);
  t.match(refused({ resource_monitors: [heap], loadshed_points: [{ name: 'x' }] }), [/not implemented/]);
});
