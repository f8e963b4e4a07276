// /runtime and /runtime_modify: the runtime's values by layer, and the overrides of the admin layer.
import { textAnswer } from './answer.js';
import type { Answer, Handlers } from './answer.js';
import type { AdminBackend } from './backend.js';
import type { Query } from './query.js';

const USAGE = 'usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n' +
  '       or send the parameters as form values\n' +
  'use an empty value to remove a previously added override';

export function runtimeHandlers(backend: AdminBackend): Handlers {
  return { '/runtime': () => view(backend), '/runtime_modify': (query) => modify(backend, query) };
}

/** Envoy's object: entries by key, each with its final value and its value in every layer. */
function view(backend: AdminBackend): Answer {
  const { layers, entries } = backend.runtime.view();
  const byKey = Object.fromEntries(entries.map(([key, final, byLayer]) =>
    [key, { final_value: final, layer_values: byLayer }]));
  return { ...textAnswer(`${JSON.stringify({ layers, entries: byKey }, null, 1)}\n`), type: 'application/json' };
}

function modify(backend: AdminBackend, query: Query): Answer {
  const changes = query.entries();
  if (changes.length === 0) return textAnswer(USAGE, 400);
  const wrong = backend.runtime.modify(changes);
  return wrong === null ? textAnswer('OK\n') : textAnswer(wrong, 503);
}
